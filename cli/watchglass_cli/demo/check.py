"""`watchglass demo --check`: the demo accelerated, its numbers compared with what was sent."""

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click

from watchglass_cli.demo.session import Demo, Schedule, running
from watchglass_store import Store
from watchglass_store.queries.demo import Counts, counts

SCHEDULE = Schedule(pause_s=0.1, incident_start_s=5, incident_end_s=17, end_s=34)
REPLAYS = 2
REPLAY_HOURS = 6.0
RULES = 2
CHANNELS = 2
TIMEOUT_S = 75.0
CALLS_PER_REPLAY = 121
"""Model, tool, retrieval, agent, chain and embedding spans in the shipped traffic, counted by hand."""
FAMILIES = (
    *("token_f1", "pii_prompt", "secrets", "prompt_injection", "language_match", "flesch_reading_ease", "repetition"),
    *("json_valid", "groundedness_overlap", "context_relevance_overlap", "answer_relevance_overlap"),
    *("tool_call_validity", "tool_error_rate", "tool_repeats"),
)
"""Scores of which there is at least one: the others are counted."""
CALLS_PER_ANSWER = 4
"""chain, agent, retrieval and chat of one question; a question on which the model fails makes the same four."""


@dataclass
class Result:
    """What `--check` prints."""

    spans_sent: int = 0
    spans_stored: int = 0
    llm_calls: int = 0
    scores: dict[str, int] = field(default_factory=dict)
    alerts_fired: int = 0
    alerts_resolved: int = 0
    slack_received: int = 0
    emails_received: int = 0
    problems: list[str] = field(default_factory=list)
    """Every number that is not what was sent, in words; empty = all agree."""


def check() -> Result:
    """Run the accelerated demo once.

    Raises:
        PartFailed: a part of the product did not start.
    """
    with tempfile.TemporaryDirectory(prefix="watchglass-demo-") as directory:
        with running(Path(directory), default_ports=False) as demo:
            with contextlib.closing(demo.context.store(readonly=True)) as store:
                return _story(demo, store)


def _story(demo: Demo, store: Store) -> Result:
    started = time.monotonic()
    app = demo.start_app(SCHEDULE)
    try:
        replayed_spans = demo.replay(REPLAYS, REPLAY_HOURS)
        sent = json.loads(_output(app))
    finally:
        app.kill()
        app.wait()
    click.echo("traffic sent; waiting for scores and for the alerts to resolve", err=True)
    answered = sent["answers"] + sent["failures"]
    calls = answered * CALLS_PER_ANSWER + REPLAYS * CALLS_PER_REPLAY
    spans = sent["spans"] + replayed_spans

    def settled(now: Counts) -> bool:
        deliveries = min(len(demo.slack.messages), len(demo.smtp.messages))
        scored = now.backlog == 0 and all(now.scores.get(name) for name in FAMILIES)
        return scored and now.spans >= spans and now.resolved >= RULES and deliveries >= 2 * RULES

    found = _wait(lambda: counts(store), settled, started + TIMEOUT_S)
    result = Result(
        spans_sent=spans,
        spans_stored=found.spans,
        llm_calls=found.calls,
        scores=found.scores,
        alerts_fired=found.fired,
        alerts_resolved=found.resolved,
        slack_received=len(demo.slack.messages),
        emails_received=len(demo.smtp.messages),
    )
    result.problems = _problems(result, found, calls, sent)
    return result


def _problems(result: Result, found: Counts, calls: int, sent: dict[str, int]) -> list[str]:
    """Compare every number with the one it must equal."""
    notified = result.alerts_fired + result.alerts_resolved
    expected = {
        "spans_stored": (result.spans_stored, result.spans_sent),
        "span rows, none twice": (found.span_rows, result.spans_sent),
        "llm_calls": (result.llm_calls, calls),
        "calls in the per-minute rollup": (found.rollup_calls, calls),
        "alerts_fired": (result.alerts_fired, RULES),
        "alerts_resolved": (result.alerts_resolved, RULES),
        "slack_received": (result.slack_received, notified),
        "emails_received": (result.emails_received, notified),
        "scores thumbs_up": (result.scores.get("thumbs_up", 0), sent["feedback"]),
    }
    for name in ("profanity", "refusal", "response_length", "pii", "secrets"):
        expected[f"scores {name}"] = (result.scores.get(name, 0), found.answers)
    for name in ("rouge_l", "bleu", "exact_match"):
        expected[f"scores {name}"] = (result.scores.get(name, 0), found.answers_with_reference)
    problems = [f"{name}: {got}, expected {want}" for name, (got, want) in expected.items() if got != want]
    return problems + [f"scores {name}: none" for name in FAMILIES if not result.scores.get(name)]


def _output(app: subprocess.Popen[str]) -> str:
    output, _ = app.communicate(timeout=SCHEDULE.end_s + 30)
    return output


def _wait(read: Callable[[], Counts], settled: Callable[[Counts], bool], deadline: float) -> Counts:
    while True:
        found = read()
        if settled(found) or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def as_json(result: Result) -> str:
    """The one object that `--check` prints."""
    return json.dumps(asdict(result), indent=2)
