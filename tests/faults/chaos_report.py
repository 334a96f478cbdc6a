"""docs/crash-tests.md."""

from datetime import UTC, datetime

from .chaos_faults import FAULTS, FAULTS_PER_SEED
from .chaos_load import SPANS_PER_REQUEST, ClientLog
from .chaos_world import World
from .fault_points import POINTS

INTRODUCTION = """# Crash tests

Those of the evaluators: [crash-tests-evaluators.md](crash-tests-evaluators.md).

Written by `make faults`: a store, a collector and clients over HTTP and gRPC as processes of their own, random faults
one after the other under load, and the clients' log as the truth. After each seed: what was acknowledged is stored once
and with the content that was sent (I1, I4); what was refused is not (I2); what the client knows nothing about is there
wholly or not at all (I3); raw rows, `llm_calls`, the rollups and the books of `watchglass verify` agree (I7); memory,
descriptors, threads and disk are below their ceilings (I8); no prompt is in a log file (I10).

A seed chooses the faults and their moments; five in a row draw every fault. To run one again:
`WATCHGLASS_FAULTS_SEED=N WATCHGLASS_FAULTS_SEEDS=1 python -m pytest tests/faults/test_chaos.py`. Each fault goes on
until it had an effect: a connection was cut, an answer was held back, "try again" was said.
"""


def report(logs: dict[int, ClientLog], world: World, took_s: float) -> str:
    """What happened, as Markdown; only of seeds that passed."""

    def total(name: str) -> int:
        return sum(getattr(log, name) for log in logs.values())

    acknowledged = sum(len(log.acknowledged) for log in logs.values())
    peaks = world.peaks
    lines = [
        INTRODUCTION,
        f"- Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, in {took_s / 60:.0f} minutes",
        f"- Seeds: {min(logs)} to {max(logs)} ({len(logs)}), {FAULTS_PER_SEED} faults each",
        f"- Acknowledged: {acknowledged} requests, about {acknowledged * SPANS_PER_REQUEST} spans; "
        f"refused: {sum(len(log.refused) for log in logs.values())}; attempts repeated: {total('repeated')}, of "
        f"these told to: {total('deferred')}, because the spool was full: {total('full')}",
        "- Lost: 0. Doubled: 0. Changed: 0. Answers other than taken, refused and try again: 0. Books balanced.",
        f"- Most seen of the collector: {peaks.rss_bytes / 1024**2:.0f} MiB RSS, {peaks.descriptors} descriptors, "
        f"{peaks.threads} threads, {peaks.spool_bytes / 1024**2:.1f} MiB of disk (spool limit 2 MiB)",
        "",
        "| fault | times |",
        "|---|---|",
        *(f"| {name} | {world.drawn[name]} |" for name in FAULTS),
        *(f"| F1 … {point} | {world.drawn[f'F1 … {point}']} |" for point in POINTS),
        "| F19 the same request five times | one request in ten |",
        "| F20 children before parents | every request |",
        "| F20 a day late; root that never arrives | one request in twenty each |",
        "",
        "A bit flipped in a segment, or a segment gone, is a loss that no receiver can undo: the requests that the",
        "harness destroyed are left out of I1; damaged bytes must be in quarantine, and every other request stored.",
        "",
    ]
    return "\n".join(lines)
