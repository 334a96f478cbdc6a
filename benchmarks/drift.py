"""False alarms and power of the drift tests, as JSON, and as tables on stderr; `--quick` fits in a minute.

`--evidently PYTHON` adds Evidently's text drift, run in an interpreter that has it:
    python -m venv /tmp/evidently && /tmp/evidently/bin/pip install 'evidently==0.7.23' 'pandas>=2.2,<3.1'
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from watchglass_evaluators.drift import bench, embedding

#: Its default for more than 1,000 texts ("absolute") and for fewer ("percentile"), straight, without the report around.
EVIDENTLY = """
import json, sys, warnings
warnings.filterwarnings("ignore")
from evidently.legacy.utils.data_drift_utils import roc_auc_domain_classifier, roc_auc_random_classifier_percentile
from sklearn.model_selection import train_test_split
known = {}
for line in sys.stdin:
    task = json.loads(line)
    reference, current = task["reference"], task["current"]
    x, y = reference + current, [0] * len(reference) + [1] * len(current)
    a, b, ya, yb = train_test_split(x, y, test_size=0.5, random_state=42, shuffle=True)
    import numpy as np
    auc = roc_auc_domain_classifier(np.array(a, object), np.array(b, object), np.array(ya), np.array(yb))[0]
    size = (len(reference), len(current))
    if size not in known:
        known[size] = roc_auc_random_classifier_percentile(np.array(yb), 0.05)
    print(json.dumps([bool(auc > known[size]), bool(auc > 0.55)]), flush=True)
"""


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def evidently(python: str) -> Iterator[dict[str, Callable[[Sequence[str], Sequence[str]], bool]]]:
    """Evidently's text drift as two methods; nothing where no interpreter is given."""
    if not python:
        yield {}
        return
    command = [python, "-c", EVIDENTLY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        last: list[bool] = []

        def percentile(reference: Sequence[str], current: Sequence[str]) -> bool:
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps({"reference": list(reference), "current": list(current)}) + "\n")
            process.stdin.flush()
            last[:] = json.loads(process.stdout.readline())
            return last[0]

        def absolute(reference: Sequence[str], current: Sequence[str]) -> bool:
            return last[1]

        yield {"evidently text, percentile": percentile, "evidently text, 0.55": absolute}
        process.stdin.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs")
    parser.add_argument(
        "--encoder",
        help="sentence encoder to measure beside hashed words: minilm, a folder, '' = none; minilm if it is installed",
    )
    parser.add_argument("--evidently", default="", metavar="PYTHON", help="interpreter that has Evidently")
    options = parser.parse_args()
    part = 10 if options.quick else 1
    if options.encoder is None:
        options.encoder = "minilm" if embedding.has_minilm() and not options.quick else ""
    sources = bench.pools(limit=1600, encoder=options.encoder)
    say(f"corpus: {', '.join(f'{name} {len(pool.texts)}' for name, pool in sources.items())}")
    result: dict[str, Any] = {}

    result["level"] = bench.level(sources, m=200, n=200, runs=1000 // part, permutations=199, seed=11)
    say(f"window test, false alarms in {1000 // part} windows without drift: {result['level']}")
    by_words = {name: replace(pool, vectors=None) for name, pool in sources.items()}
    live = {"hashed words": by_words} | ({"encoder": sources} if options.encoder else {})
    result["null_streams"] = {}
    for features, measured in live.items():
        null = bench.null_streams(measured, streams=1000 // part, answers=2000, target=bench.TARGET, seed=12)
        result["null_streams"][features] = null
        say(f"live by {features}, streams without drift: {null}")

    tables = {}
    with evidently(options.evidently) as others:
        for n, count in ((1000, 20), (250, 20)):
            runs = dict.fromkeys(bench.SCENARIOS, max(2, count // part))
            wanted = {name: k for name, k in runs.items() if name in bench.STUDY[n]}
            found = bench.power(sources, m=1000, n=n, runs=wanted, others=others, progress=say)
            tables[str(n)] = found
            say(f"\nwindow of {n} answers, reference of 1000, {max(2, count // part)} windows each:")
            say(bench.markdown(found, bench.STUDY[n]) + "\n")
    result["power"] = tables

    result["delay"] = {}
    say(f"| live, one false alarm in {bench.TARGET} | | detected | median delay | study |\n|---|---|---|---|---|")
    for features, measured in live.items():
        for scenario, study in bench.STUDY_DELAY.items():
            row = bench.delays(measured, scenario, runs=max(2, 9 // part), seed=13)
            result["delay"][f"{features}, {scenario}"] = row
            say(f"| {features} | {scenario} | {row['detected']:.2f} | {row['median_delay']} | {study} |")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
