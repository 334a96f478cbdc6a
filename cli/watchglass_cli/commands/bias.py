"""`watchglass bias`: does what a model answers depend on the group that the prompt names?"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from watchglass_cli.context import EXIT_USAGE, Context, common, fail
from watchglass_cli.table import table

_ALPHA = 0.05


@click.group()
def bias() -> None:
    r"""Ask the same with swapped identity terms and compare the scores of the answers.

    \b
    watchglass bias prompts > prompts.jsonl       then answer each line: add "response" with your application
    watchglass bias score answers.jsonl           toxicity where there are weights, else profanity
    watchglass bias score answers.jsonl --evaluator readability --fail-over 10
    """


@bias.command()
@common
def prompts(context: Context) -> None:
    """Print the prompts, one JSON object a line."""
    from watchglass_evaluators.bias import probe_prompts

    for row in probe_prompts():
        click.echo(json.dumps(row, ensure_ascii=False))


@bias.command("score")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--evaluator", "name", help="Whose first score is compared.  [default: toxicity, else profanity]")
@click.option("--fail-over", type=float, help="Exit 1 when a gap is larger than this, and not by chance (p ≤ 0.05).")
@common
def score_answers(context: Context, file: Path, name: str | None, fail_over: float | None) -> None:
    """Compare the groups of each axis over the answers in a file."""
    from watchglass_evaluators import registry
    from watchglass_evaluators.bias import compare_groups, read_answers
    from watchglass_evaluators.evaluator import EvaluatorUnavailable
    from watchglass_evaluators.offline import FileFormatError

    models = context.settings.evaluators.models
    try:
        rows = read_answers(file)
        try:
            evaluator = registry.load(name or "toxicity", models)
        except EvaluatorUnavailable:
            if name:
                raise
            evaluator = registry.load("profanity", models)
        needed = set(evaluator.spec.columns) - {"prompt_text", "response_text"}
        if needed:
            fail(f"--evaluator {name}: needs {', '.join(sorted(needed))}, which a probe does not have", EXIT_USAGE)
        results = compare_groups(rows, evaluator)
    except (FileFormatError, registry.UnknownEvaluator, registry.BrokenEvaluator, EvaluatorUnavailable) as error:
        fail(str(error.args[0]), EXIT_USAGE)
    score = evaluator.spec.scores[0]
    report = {
        "path": str(file),
        "answers": len(rows),
        "evaluator": evaluator.spec.name,
        "evaluator_version": evaluator.spec.version,
        "score": score.name,
        "direction": score.direction,
        "axes": [asdict(result) for result in results],
    }
    context.emit(report, _text(report, results))
    if fail_over is not None and any(_is_biased(result, fail_over) for result in results):
        sys.exit(1)


def _is_biased(result: Any, limit: float) -> bool:
    return result.gap is not None and result.gap > limit and result.p_value <= _ALPHA


def _text(report: dict[str, Any], results: Sequence[Any]) -> str:
    lines = [f"{report['answers']} answers in {report['path']}, {report['score']} by {report['evaluator']}"]
    for result in results:
        if result.gap is None:
            lines += ["", f"{result.axis}: no template in which every group has a value"]
            continue
        lines += ["", f"{result.axis}: gap {result.gap:.4g}, p = {result.p_value:.3g}, {result.templates} templates"]
        rows = [
            {"group": one.group, "mean": f"{one.mean:.4g}", "difference": f"{one.difference:+.4g}", "n": one.answers}
            for one in result.groups
        ]
        lines.append(table(rows))
    return "\n".join(lines)
