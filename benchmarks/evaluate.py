"""Calls per second of each evaluator, beside its library on the same texts, as JSON; `--quick` fits in 30 s."""

import json
import sys

from watchglass_evaluators.bench import run

if __name__ == "__main__":
    print(json.dumps(run(quick="--quick" in sys.argv[1:]), indent=2))
