"""The assembly over a real store: late pieces, several assemblers, `kill -9` at each step."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from watchglass_collector.assembly import assembler as assembler_module
from watchglass_collector.assembly.assembler import Assembler, LostJournal
from watchglass_store import Store, StoreConfig, StoreRejected
from watchglass_store.queries import assembly as queries
from watchglass_store.queries import prices

Send = Callable[..., None]
Call = Callable[..., dict[str, Any]]
Assemble = Callable[..., Assembler]
Calls = Callable[..., dict[str, dict[str, Any]]]
Totals = Callable[[], tuple[dict[str, Any], dict[str, Any]]]


def test_user_session_usage_root_depth_and_cost(send: Send, call: Call, assemble: Assemble, calls: Calls) -> None:
    send(("cc", "aa", call(1000)), ("aa", "ee", call(1000)))
    before = calls()["cc"]
    assert (before["usage_counted"], before["depth"], before["user_id"]) == (0, None, "")
    send(("ee", "", {"session.id": "chat-7", "user.id": "ann", "http.route": "/ask"}))
    assemble()
    found = calls()
    names = ("user_id", "conversation_id", "usage_counted", "depth", "root_span_id")
    root = "ee".rjust(16, "0")
    assert [found["cc"][name] for name in names] == ["ann", "chat-7", 1, 2, root]
    assert [found["aa"][name] for name in names] == ["ann", "chat-7", 0, 1, root]
    assert found["cc"]["cost_usd"] == pytest.approx((1000 * 0.15 + 10 * 0.6) / 1e6)
    assert found["cc"]["received_at"] == before["received_at"], "no piece of it arrived"


def test_a_late_span_has_its_trace_assembled_again(
    send: Send, call: Call, assemble: Assemble, calls: Calls, totals: Totals
) -> None:
    send(("aa", "", call(500)), ago_s=60)
    one = assemble()
    before = totals()[1]["input"]
    assert calls()["aa"]["usage_counted"] == 1
    send(("bb", "aa", call(400)))
    assemble(assembler=one)
    assert {name: row["usage_counted"] for name, row in calls().items()} == {"aa": 0, "bb": 1}
    assert totals()[1]["input"] == before - 500 + 400
    send(("bb", "aa", call(400)))
    assemble(assembler=one)
    assert totals()[1]["input"] == totals()[0]["input"] == before - 100
    rows = one.cycle()
    assert (rows.calls, one.waiting) == (0, 0), "nothing new, nothing written"


def test_a_parent_that_came_hours_before_is_found(
    send: Send, call: Call, assemble: Assemble, calls: Calls, viewed: Store, trace_id: str
) -> None:
    send(("aa", "", {"user.id": "ann"}), ago_s=4 * 3600)
    viewed.command(
        "INSERT INTO llm_trace_pieces SELECT * REPLACE (now64(3) - INTERVAL 4 HOUR AS received_at) "
        f"FROM llm_trace_pieces WHERE trace_id = '{trace_id}'"
    )
    viewed.command(f"DELETE FROM llm_trace_pieces WHERE trace_id = '{trace_id}' AND received_at > now() - 3600")
    send(("bb", "aa", call(1)))
    assemble()
    assert calls()["bb"]["user_id"] == "ann"


def test_parents_that_never_come_do_not_have_a_trace_read_again(
    send: Send, call: Call, assemble: Assemble, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    original = queries.skeleton

    def counted(store: Store, keys: list[int], since_ms: int, until_ms: int) -> Any:
        read.append(len(keys))
        return original(store, keys, since_ms, until_ms)

    monkeypatch.setattr(queries, "skeleton", counted)
    send(("aa", "ff", call(500)), ("bb", "aa", call(400)))
    assemble()
    assert (calls()["bb"]["usage_counted"], len(read)) == (1, 1)


def test_only_a_trace_that_was_there_before_is_looked_back_for_in_this_life_or_the_next(
    send: Send, call: Call, assemble: Assemble, calls: Calls, viewed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_s: list[float] = []
    original = queries.sizes

    def told(store: Store, keys: list[int], since_ms: int) -> dict[int, int]:
        back_s.append((queries.now_ms(store) - since_ms) / 1000)
        return original(store, keys, since_ms)

    one = assemble()
    monkeypatch.setattr(queries, "sizes", told)
    send(("aa", "ff", call(500)))
    assemble(assembler=one)
    assert calls()["aa"]["usage_counted"] == 1
    assert max(back_s) < 600, "its parent is not there, and nobody knew the trace: no look at the day before"
    send(("bb", "aa", call(400)))
    assemble(assembler=one)
    assert max(back_s) > 900
    assert {name: row["usage_counted"] for name, row in calls().items()} == {"aa": 0, "bb": 1}
    send(("cc", "bb", call(300)))
    assemble()
    assert {name: row["usage_counted"] for name, row in calls().items()} == {"aa": 0, "bb": 0, "cc": 1}


def test_log_events_of_the_next_hour_come_to_their_call(
    send: Send, call: Call, assemble: Assemble, calls: Calls, viewed: Store, trace_id: str
) -> None:
    send(("aa", "", call(5)))
    message = '{"role":"assistant","parts":[{"type":"text","content":"said later"}]}'
    event = (1, "output", "assistant", message, "said later")
    hour = calls()["aa"]["hour"].timestamp() + 3600
    viewed.insert(
        "llm_call_parts",
        [{"hour": int(hour), "trace_id": trace_id, "span_id": "aa".rjust(16, "0"), "event_messages": [event]}],
    )
    one = assemble()
    assert calls()["aa"]["response_text"] == "said later"
    assert assemble(assembler=one).cycle().calls == 0


def test_a_model_without_a_price_is_a_gap_until_somebody_sets_one(
    send: Send, call: Call, assemble: Assemble, calls: Calls, totals: Totals, viewed: Store
) -> None:
    from datetime import UTC, datetime, timedelta

    send(("aa", "", call(1_000_000, gen_ai__request__model="house-model")))
    assemble()
    assert calls()["aa"]["cost_usd"] is None
    since = datetime.now(UTC) - timedelta(hours=1)
    (gap,) = queries.unpriced(viewed, since)
    assert gap == {"provider_name": "openai", "model": "house-model", "calls": 1}
    rates = {"input_usd": 2.0, "output_usd": 0.0, "cache_read_usd": None, "cache_write_usd": None}
    entry = {"provider": "", "model": "house-model", "valid_from": since.date(), "above_input_tokens": 0}
    prices.put(viewed, **entry, rates=rates, author="ann")
    send(("bb", "", call(1_000_000, gen_ai__request__model="house-model")))
    assemble()
    assert {name: row["cost_usd"] for name, row in calls().items()} == {"aa": 2.0, "bb": 2.0}
    assert queries.unpriced(viewed, since) == []
    in_calls, in_rollup = totals()
    assert in_calls == in_rollup
    prices.put(viewed, **entry, rates=rates, author="ann", deleted=True)
    assert prices.current(viewed) == []
    actions = viewed.query("SELECT action, actor, before != '' AS had FROM audit_log ORDER BY time")
    assert actions == [
        {"action": "price.set", "actor": "ann", "had": 0},
        {"action": "price.delete", "actor": "ann", "had": 1},
    ]


STEPS = [f"{when} {name}" for name in ("journal", "apply", "note_applied") for when in ("before", "after")]


@pytest.fixture
def killed(module_config: StoreConfig) -> Iterator[Callable[[str], int]]:
    """killed(step) -> the status that an assembler ended with, which kills itself there."""
    command = [sys.executable, str(Path(__file__).parent / "assembler_process.py"), module_config.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        to, answers = process.stdin, process.stdout

        def life(step: str) -> int:
            to.write(f"{step}\n")
            to.flush()
            return int(answers.readline())

        yield life
        to.close()


def test_killed_at_any_step_every_token_counts_once(
    send: Send, call: Call, assemble: Assemble, totals: Totals, killed: Callable[[str], int]
) -> None:
    assemble()
    tokens = totals()[1]["input"]
    for place, step in enumerate(STEPS):
        # A call that counts, and under the next kill one below it that counts instead.
        span, below = f"a{place}", f"b{place}"
        for spans, more in (((span, "", call(300)), 300), ((below, span, call(200)), -100)):
            send(spans)
            assert killed(step) == -9
            assemble()
            tokens += more
            in_calls, in_rollup = totals()
            assert in_calls == in_rollup, step
            assert in_rollup["input"] == tokens, step


def test_a_batch_that_was_applied_by_half_is_finished(
    send: Send, call: Call, assemble: Assemble, totals: Totals, viewed: Store
) -> None:
    assemble()
    before = totals()[1]["input"]
    send(("aa", "", call(70)))
    broken = "CREATE MATERIALIZED VIEW {} TO llm_calls_by_time AS SELECT throwIf(1) AS hour FROM llm_findings_inbox"
    for name in ("a_broken_mv", "z_broken_mv"):
        viewed.command(broken.format(name))
        with pytest.raises(StoreRejected):
            assemble()
        viewed.command(f"DROP TABLE {name} SYNC")
        assemble()
        in_calls, in_rollup = totals()
        assert in_calls == in_rollup
        assert in_rollup["input"] == before + 70
        send(("bb", "", call(0)))


def test_of_two_assemblers_at_once_one_writes(
    send: Send, call: Call, assemble: Assemble, totals: Totals, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = assemble("one"), assemble("two")
    before = totals()[1]["input"]
    send(("aa", "", call(40)))
    original = queries.journal

    def first_the_other(store: Store, batch: int, rows: bytes) -> None:
        """The other has worked out the same batch meanwhile, and writes it first."""
        monkeypatch.setattr(queries, "journal", original)
        assemble(assembler=one)
        original(store, batch, rows)

    monkeypatch.setattr(queries, "journal", first_the_other)
    with pytest.raises(LostJournal, match="is by one"):
        assemble(assembler=two)
    two.resume()
    assemble(assembler=two)
    in_calls, in_rollup = totals()
    assert in_calls == in_rollup
    assert in_rollup["input"] == before + 40


def test_a_trace_that_is_too_large_is_assembled_in_slices(
    send: Send, call: Call, totals: Totals, viewed: Store, assemble: Assemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = assemble()
    before = totals()[1]["input"]
    monkeypatch.setattr(assembler_module, "MAX_PIECES", 10)
    for place in range(4):
        send(*((f"{place}{number}", "", call(1)) for number in range(3)))
    assert one.cycle().sliced == 1
    in_calls, in_rollup = totals()
    assert in_calls == in_rollup
    assert in_rollup["input"] == before + 12


def test_a_large_trace_without_a_call_is_passed_over(
    send: Send, call: Call, calls: Calls, viewed: Store, assemble: Assemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = assemble()
    monkeypatch.setattr(assembler_module, "MAX_PIECES", 10)
    send(*((f"{number}", "", {"http.route": "/ask"}) for number in range(12)))
    with monkeypatch.context() as patch:
        patch.setattr(queries, "skeleton", None)  # nothing of it is read
        report = one.cycle()
    assert (report.traces, report.sliced, one.waiting) == (1, 0, 0)
    send(("late", "0", call(5)))
    read, skeleton = [], queries.skeleton
    monkeypatch.setattr(queries, "skeleton", lambda *asked: read.append(asked) or skeleton(*asked))
    assert one.cycle().sliced == 1
    assert len(read) == 1, "the slice with the call"
    assert calls()["late"]["usage_counted"] == 1
