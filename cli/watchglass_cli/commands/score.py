"""`watchglass score`: the live evaluators on a file of answers, with gates for CI."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from watchglass_cli.context import EXIT_USAGE, Context, common, fail
from watchglass_cli.table import table

DEFAULT = "rouge,bleu,profanity,response_length,refusal"


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--evaluators", default=DEFAULT, show_default=True, help="Names, separated by commas.")
@click.option("--fail-under", multiple=True, metavar="SCORE=NUMBER", help="Exit 1 when this mean is lower.")
@click.option("--fail-over", multiple=True, metavar="SCORE=NUMBER", help="Exit 1 when this mean is higher.")
@common
def score(context: Context, file: Path, evaluators: str, fail_under: Sequence[str], fail_over: Sequence[str]) -> None:
    r"""Score a JSON lines file: one object a line with response; prompt, reference, context, tools where known.

    \b
    watchglass score answers.jsonl
    watchglass score answers.jsonl --evaluators rouge,profanity --fail-under rouge_l=0.4 --fail-over profanity=0.02
    watchglass score answers.jsonl --evaluators groundedness,pii,tool_calls --json
    """
    from watchglass_evaluators import offline, registry
    from watchglass_evaluators.evaluator import EvaluatorUnavailable

    try:
        gates = [offline.Gate.parse(text, "under") for text in fail_under]
        gates += [offline.Gate.parse(text, "over") for text in fail_over]
        names = [name.strip() for name in evaluators.split(",")]
        with click.progressbar(length=_lines(file), file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
            report = offline.score_file(file, names, context.settings.evaluators.models, on_progress=bar.update)
        results = offline.check_gates(report, gates)
    except (
        offline.FileFormatError,
        offline.GateError,
        registry.UnknownEvaluator,
        registry.BrokenEvaluator,
        EvaluatorUnavailable,
    ) as error:
        fail(str(error.args[0]), EXIT_USAGE)
    context.emit({**asdict(report), "gates": [asdict(result) for result in results]}, _text(report, results))
    if not all(result.passed for result in results):
        sys.exit(1)


def _lines(file: Path) -> int:
    with file.open("rb") as content:
        return sum(block.count(b"\n") for block in iter(lambda: content.read(1 << 20), b"")) + 1


def _text(report: Any, results: Sequence[Any]) -> str:
    rows = [
        {
            "score": item.name,
            "mean": "" if item.mean is None else f"{item.mean:.4g}",
            "lowest": "" if item.lowest is None else f"{item.lowest:.4g}",
            "highest": "" if item.highest is None else f"{item.highest:.4g}",
            "n": item.scored,
            "unscored": item.unscored,
            "why unscored": "; ".join(f"{reason} ({count})" for reason, count in item.reasons.items()),
        }
        for item in report.scores
    ]
    lines = [f"{report.lines} answers in {report.path}", "", table(rows)]
    lines += [f"ignored key {key!r} on {count} lines" for key, count in report.unknown_keys.items()]
    lines += [("passed  " if result.passed else "FAILED  ") + result.reason for result in results]
    return "\n".join(lines)
