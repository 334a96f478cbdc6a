"""F4, F18, F21, F22, F27, F28 at once: seeded histories, and an exact oracle.

Engines are killed at each write, restarted, doubled (the second does all it can between what the first read and what it
writes), their clocks jump, the rules file breaks; a chat over TLS, a webhook and a mail server refuse, hang, take the
message and lose the answer. The traffic says what must have been told: each transition at least once to each channel,
twice at most and under the same id where an answer or a record was lost, and nothing else.

`make faults-alerts` runs 200 seeds and writes docs/crash-tests-alerts.md.
"""

import logging
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from watchglass_alerts import http
from watchglass_store import EmbeddedServer, Store, migrate
from watchglass_store.address import Address
from watchglass_store.server.credentials import ADMINISTRATOR, load_credentials

from .conftest import Certificate
from .fault_oracle import check
from .fault_world import World

FIRST = int(os.environ.get("WATCHGLASS_ALERT_SEED", "1"))
SEEDS = int(os.environ.get("WATCHGLASS_ALERT_SEEDS", "2"))
REPORT = os.environ.get("WATCHGLASS_ALERT_REPORT", "")
TABLES = ("alert_events", "alert_rules", "llm_call_parts", "llm_calls_1m", "llm_calls_by_time")


@pytest.fixture(scope="module")
def shared(server: EmbeddedServer) -> Iterator[Store]:
    """One database for all seeds, emptied before each: to make one anew takes longer than a history."""
    password = load_credentials(server.data_dir).administrator
    there = Address(host="127.0.0.1", port=server.config.port, username=ADMINISTRATOR, password=password)
    name = f"faults_{secrets.token_hex(6)}"
    with_name = Store(replace(there, database="default"))
    with_name.command(f"CREATE DATABASE {name}")
    store = Store(replace(there, database=name))
    migrate(store)
    yield store
    store.close()
    with_name.command(f"DROP DATABASE {name} SYNC")
    with_name.close()


@pytest.fixture(scope="module")
def tally() -> Iterator[Counter[str]]:
    """What all seeds counted; written down at the end where a report is asked for."""
    found: Counter[str] = Counter()
    began = time.monotonic()
    yield found
    if REPORT:
        Path(REPORT).write_text(report(found, time.monotonic() - began), encoding="utf-8")


@pytest.fixture
def store(shared: Store) -> Store:
    for table in TABLES:
        shared.command(f"TRUNCATE TABLE {table}")
    return shared


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_each_transition_is_told_and_nothing_else(
    seed: int,
    store: Store,
    tally: Counter[str],
    tmp_path: Path,
    certificate: Certificate,
    free_ports: Callable[[], int],
    make_calls: Callable[..., list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "DEADLINE_S", 3.0)
    monkeypatch.setattr(logging.getLogger("mail.log"), "disabled", True)
    world = World(seed, store, tmp_path, certificate, free_ports())
    world.play(make_calls, monkeypatch)
    found = check(world)
    tally.update(found)
    tally["seeds"] += 1


def report(found: Counter[str], seconds: float) -> str:
    """docs/crash-tests-alerts.md."""
    faults = sorted(name for name in found if name.startswith("F"))
    receivers = sorted(name for name in found if name.startswith("receiver: "))
    words = {
        "ok": "took the message",
        "cut": "F21, F22 took it and cut the connection before the answer",
        "hang": "F21 took it and did not answer",
        "never": "F21, F22 refused it for good (400, 554)",
        "429": "F21 429 with Retry-After, F22 451",
        "500": "F21 500, F22 451",
        "503": "F21 503, F22 451",
        "greylisted": "F22 451 for the recipient",
    }
    lines = [
        "# Crash tests: alerts",
        "",
        "Written by `make faults-alerts` (`tests/alerts/test_faults.py`, which says what is done and what must hold).",
        "A seed chooses rule, traffic, faults and their moments; to run one again:",
        "`WATCHGLASS_ALERT_SEED=N WATCHGLASS_ALERT_SEEDS=1 python -m pytest tests/alerts/test_faults.py`.",
        "",
        f"- Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, in {seconds:,.0f} s",
        f"- Seeds: {FIRST} to {FIRST + SEEDS - 1}; {found['seeds']} of {SEEDS} passed",
        f"- Slots evaluated: {found['slots']:,}, none missed, none twice",
        f"- Transitions (fired, resolved): {found['transitions']:,}, each the one that the traffic calls for",
        f"- Notifications to four channels: {found['notifications delivered']:,} delivered, of these "
        f"{found['duplicates, same id']:,} twice under the same id",
        f"- Not delivered, as it should be: {found['notifications failed']:,} refused for good, and shown as failed; "
        f"{found['notifications given up']:,} given up where clocks ran 24 hours ahead; "
        f"{found['notifications dropped']:,} dropped (the end of what nobody was told of, a repetition of what was "
        "just told)",
        "- None lost, none spurious, none overtook another",
        "",
        "| fault | times |",
        "|---|---|",
        *(f"| {name} | {found[name]:,} |" for name in faults),
        "| F22 one of two recipients refused with 550 | every mail |",
        *(f"| receiver {words[name.removeprefix('receiver: ')]} | {found[name]:,} |" for name in receivers),
    ]
    return "\n".join(lines) + "\n"
