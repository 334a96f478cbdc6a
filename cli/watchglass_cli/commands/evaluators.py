"""`watchglass evaluators`: turn evaluators on and off, sample and filter them, write rubrics; no restart is needed."""

import contextlib
import getpass
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from watchglass_cli.commands.backfill import moment
from watchglass_cli.context import EXIT_USAGE, Context, common, fail
from watchglass_cli.table import table
from watchglass_evaluators.wanted import Wanted, everything_wanted
from watchglass_store import Store
from watchglass_store.queries import evaluator_settings, judge_rubrics

if TYPE_CHECKING:
    from watchglass_evaluators.calibration import Calibration, Estimate

_NEW_RUBRIC: Mapping[str, Any] = {
    "prompt": "",
    "choices": {},
    "direction": "higher_is_better",
    "columns": ["prompt_text", "response_text"],
}


@click.group()
def evaluators() -> None:
    """See and change what each evaluator does; workers take it up within seconds."""


@evaluators.command(name="list")
@common
def list_evaluators(context: Context) -> None:
    r"""Every evaluator: on or off, sample rate, filters, and who said so.

    \b
    watchglass evaluators list
    """
    with contextlib.closing(context.store()) as store:
        rows = [_shown(one) for one in _wanted(context, store).values()]
    context.emit(rows, table([row | {"filters": _filter_text(row["filters"])} for row in rows]))


@evaluators.command(name="set")
@click.argument("name")
@click.option("--sample-rate", type=float, help="Share of the traces to score, 0 to 1.")
@click.option(
    "--filter", "filters", multiple=True, metavar="COLUMN=VALUE[,VALUE]", help="Only such calls; replaces all filters."
)
@click.option("--no-filter", is_flag=True, help="Every call again.")
@common
def set_evaluator(
    context: Context, name: str, sample_rate: float | None, filters: Sequence[str], no_filter: bool
) -> None:
    r"""Change which calls an evaluator scores; what is not given stays as it is.

    \b
    watchglass evaluators set judge_helpfulness --sample-rate 0.1
    watchglass evaluators set profanity --filter service_name=shop,blog --filter environment=production
    """
    if sample_rate is None and not filters and not no_filter:
        fail("nothing to change: give --sample-rate, --filter or --no-filter", EXIT_USAGE)
    if filters and no_filter:
        fail("--filter and --no-filter exclude each other", EXIT_USAGE)
    _change(context, name, sample_rate=sample_rate, filters=_filters(filters) if filters or no_filter else None)


@evaluators.command()
@click.argument("name")
@common
def on(context: Context, name: str) -> None:
    r"""Turn an evaluator on: it scores what arrives from now on (`watchglass evaluate --backfill` scores the past).

    \b
    watchglass evaluators on judge_safety
    """
    _change(context, name, enabled=True)


@evaluators.command()
@click.argument("name")
@common
def off(context: Context, name: str) -> None:
    r"""Turn an evaluator off: its scores stay, calls that arrive meanwhile are not scored.

    \b
    watchglass evaluators off bleu
    """
    _change(context, name, enabled=False)


@evaluators.command()
@click.argument("name")
@common
def history(context: Context, name: str) -> None:
    r"""Every version of an evaluator's settings, the newest first.

    \b
    watchglass evaluators history judge_helpfulness
    """
    with contextlib.closing(context.store()) as store:
        rows = evaluator_settings.settings_history(store, name)
    context.emit(rows, table([row | {"filters": _filter_text(row["filters"])} for row in rows]))


@evaluators.command()
@click.argument("name")
@click.option("--prompt", help="The one thing to judge, and by what measure.")
@click.option("--choice", "choices", multiple=True, metavar="VERDICT=VALUE", help="A verdict and its value.")
@click.option("--direction", type=click.Choice(judge_rubrics.DIRECTIONS), help="Which way is better.")
@click.option("--columns", help=f"Texts the judge sees, by commas: {', '.join(judge_rubrics.RUBRIC_COLUMNS)}.")
@common
def rubric(
    context: Context,
    name: str,
    prompt: str | None,
    choices: Sequence[str],
    direction: str | None,
    columns: str | None,
) -> None:
    r"""Write or change a rubric; without options, show its versions. Each version is a series of scores of its own.

    \b
    watchglass evaluators rubric politeness --prompt 'Is the answer polite?' --choice rude=0 --choice polite=1
    watchglass evaluators on judge_politeness
    """
    with contextlib.closing(context.store()) as store:
        versions = judge_rubrics.rubric_history(store, name)
        if prompt is None and not choices and direction is None and columns is None:
            rows = [
                row | {"choices": _choice_text(row["choices"]), "columns": ",".join(row["columns"])} for row in versions
            ]
            context.emit(versions, table(rows))
            return
        given = {
            "prompt": prompt,
            "choices": _choices(choices) or None,
            "direction": direction,
            "columns": columns.split(",") if columns else None,
        }
        before: Mapping[str, Any] = versions[0] if versions else _NEW_RUBRIC
        values: dict[str, Any] = {key: before[key] if value is None else value for key, value in given.items()}
        try:
            judge_rubrics.change_rubric(store, name, author=getpass.getuser(), now=datetime.now(UTC), **values)
        except ValueError as error:
            fail(str(error), EXIT_USAGE)
        is_on = (one := _wanted(context, store).get(f"judge_{name}")) is not None and one.enabled
    text = "its judge takes it up within seconds" if is_on else f"turn it on: watchglass evaluators on judge_{name}"
    context.emit({"name": name, **values, "enabled": is_on}, f"rubric {name} has a new version; {text}")


@evaluators.command()
@click.argument("score")
@click.option("--label", default="human_quality", show_default=True, help="Name of the people's score.")
@click.option("--since", default="30d", show_default=True, help="Calls from when; 2026-11-01, or 7d for ago.")
@common
def calibrate(context: Context, score: str, label: str, since: str) -> None:
    r"""What people would say of all calls that a judge scored, from those of them that people labelled.

    The labelled calls have to be a random sample of them: that order on the Review page.

    \b
    watchglass evaluators calibrate judge_helpfulness
    watchglass evaluators calibrate judge_safety --label human_issue --since 7d
    """
    from watchglass_evaluators.calibration import calibrate as compute
    from watchglass_store.queries.calibration import judge_and_people

    now = datetime.now(UTC)
    with contextlib.closing(context.store()) as store:
        read = judge_and_people(store, score, label, since=moment("--since", since, now), until=now)
    found = compute(read.people, read.judge, n=read.n, mean=read.mean, variance=read.variance)
    if found.corrected is None and not context.as_json:
        fail(found.reason)
    about = {"score": score, "version": read.version, "label": label}
    context.emit(about | asdict(found), _calibration_text(about, found))


def _calibration_text(about: Mapping[str, str], found: "Calibration") -> str:
    if found.corrected is None or found.people is None:
        return found.reason

    def shown(one: "Estimate") -> str:
        return f"{one.value:.4g} (95 % interval {one.low:.4g} to {one.high:.4g})"

    alike = "unknown, one of them never varies" if found.correlation is None else f"{found.correlation:.2f}"
    return "\n".join(
        [
            f"{about['score']} of version {about['version']}, {found.n_judged + found.n_labelled:,} calls: "
            f"mean {found.judge_mean:.4g}",
            f"{found.n_labelled:,} of them labelled {about['label']} by people: mean {shown(found.people)}",
            f"corrected by the labels, over all calls: {shown(found.corrected)}",
            f"correlation of judge and people: {alike}",
        ]
    )


def _change(
    context: Context,
    name: str,
    *,
    enabled: bool | None = None,
    sample_rate: float | None = None,
    filters: Mapping[str, Sequence[str]] | None = None,
) -> None:
    with contextlib.closing(context.store()) as store:
        wanted = _wanted(context, store)
        before = wanted.get(name)
        if before is None:
            fail(f"unknown evaluator {name!r} (known: {', '.join(wanted)})", EXIT_USAGE)
        try:
            evaluator_settings.change_settings(
                store,
                name,
                enabled=before.enabled if enabled is None else enabled,
                sample_rate=before.sample_rate if sample_rate is None else sample_rate,
                filters=before.filters if filters is None else filters,
                author=getpass.getuser(),
                now=datetime.now(UTC),
            )
        except ValueError as error:
            fail(str(error), EXIT_USAGE)
        after = _shown(_wanted(context, store)[name])
    context.emit(after, table([after | {"filters": _filter_text(after["filters"])}]))


def _wanted(context: Context, store: Store) -> dict[str, Wanted]:
    rows = evaluator_settings.current_settings(store)
    rubrics = [row["name"] for row in judge_rubrics.current_rubrics(store)]
    return everything_wanted(context.settings.evaluators, rows, rubrics)


def _shown(one: Wanted) -> dict[str, Any]:
    return {"evaluator": one.name, **json.loads(one.as_json())}


def _filter_text(filters: Mapping[str, Sequence[str]]) -> str:
    return " ".join(f"{column}={','.join(values)}" for column, values in filters.items())


def _choice_text(choices: Mapping[str, float]) -> str:
    return " ".join(f"{word}={value:g}" for word, value in choices.items())


def _filters(texts: Sequence[str]) -> dict[str, list[str]]:
    filters: dict[str, list[str]] = {}
    for text in texts:
        column, equals, values = text.partition("=")
        if not equals or not values:
            fail(f"--filter {text}: write COLUMN=VALUE, for example service_name=shop", EXIT_USAGE)
        filters.setdefault(column, []).extend(values.split(","))
    return filters


def _choices(texts: Sequence[str]) -> dict[str, float]:
    choices: dict[str, float] = {}
    for text in texts:
        word, equals, value = text.rpartition("=")
        try:
            choices[word] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            fail(f"--choice {text}: write VERDICT=NUMBER, for example polite=1", EXIT_USAGE)
    return choices
