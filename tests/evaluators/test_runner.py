"""The runner on a real store: what is scored, when, and that it happens once."""

import contextlib
import logging
import math
import threading
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from watchglass_evaluators import EvaluatorOptions, EvaluatorReport, EvaluatorsConfig, Runner, registry
from watchglass_store import Store, StoreUnavailable

Seed = Callable[..., list[tuple[str, str]]]
Install = Callable[..., Any]


def run(runner: Runner) -> dict[str, EvaluatorReport]:
    return {report.name: report for report in runner.run_once().evaluators}


def config(*enabled: str, **settings: Any) -> EvaluatorsConfig:
    return EvaluatorsConfig(enabled=enabled, **settings)


def visible(store: Store, name: str) -> list[dict[str, Any]]:
    return store.query(
        "SELECT * FROM scores FINAL WHERE name = {name:String} ORDER BY trace_id, span_id", {"name": name}
    )


def test_every_settled_call_gets_every_score(store: Store, clock: Any, seed: Seed) -> None:
    seed(3, reference_text="Answer 2.", service_name="shop", environment="prod", response_model="m-1",
         prompt_name="greet", prompt_version="7")  # fmt: skip
    enabled = ("rouge", "bleu", "profanity", "response_length", "refusal")
    runner = Runner(store, config(*enabled), clock=clock)
    assert sum(report.eligible for report in run(runner).values()) == 0, "nothing has settled yet"
    clock.advance(5)
    reports = run(runner)
    assert {name: report.scored for name, report in reports.items()} == dict.fromkeys(reports, 3)
    counts = store.query("SELECT name, count() AS n FROM scores FINAL GROUP BY name")
    assert {row["name"]: row["n"] for row in counts} == dict.fromkeys(
        [score.name for name in enabled for score in registry.load(name).spec.scores], 3
    )
    row = visible(store, "rouge_l")[0]
    context = ("shop", "prod", "m-1", "greet", "7")
    assert tuple(row[c] for c in ("service_name", "environment", "model", "prompt_name", "prompt_version")) == context
    assert (row["evaluator"], row["evaluator_version"], row["source"]) == ("rouge", "2", "code")
    assert (row["direction"], row["range"], row["error"]) == ("higher_is_better", [0.0, 1.0], "")
    assert row["call_time"] == clock.now - timedelta(seconds=6)
    assert visible(store, "response_length")[0]["range"] == [0.0, math.inf]


def test_nothing_is_done_twice(store: Store, clock: Any, seed: Seed) -> None:
    seed(4)
    clock.advance(10)
    runner = Runner(store, config("refusal"), clock=clock)
    assert run(runner)["refusal"].scored == 4
    for _ in range(40):
        clock.advance(3)
        assert run(runner)["refusal"].eligible == 0
    assert run(Runner(store, config("refusal"), clock=clock))["refusal"].eligible == 0, "a new life goes on"
    assert store.query("SELECT count() AS n FROM scores")[0]["n"] == 4
    starts = store.query(
        "SELECT event, count() AS n FROM evaluation_log WHERE event IN ('start', 'batch') GROUP BY event"
    )
    assert {row["event"]: row["n"] for row in starts} == {"start": 1, "batch": 1}


def test_failed_calls_other_operations_and_calls_without_text_are_skipped(store: Store, clock: Any, seed: Seed) -> None:
    seed(1, error_type="timeout")
    seed(1, response_text=None)
    seed(1, operation_name="execute_tool")
    seed(1, operation_name="invoke_agent")
    good = seed(1)
    clock.advance(10)
    report = run(Runner(store, config("refusal"), clock=clock))["refusal"]
    assert (report.scored, report.skipped) == (1, 2)
    assert [(row["trace_id"], row["span_id"]) for row in visible(store, "refusal")] == good


def test_the_same_ids_in_two_projects_are_two_calls(store: Store, clock: Any, seed: Seed) -> None:
    ids = {"trace_id": "ab" * 16, "span_id": "cd" * 8}
    for project in ("mine", "yours"):
        seed(1, **ids, project=project)
    others = seed(2)
    clock.advance(10)
    report = run(Runner(store, config("refusal"), clock=clock))["refusal"]
    assert report.scored == 4
    found = {(row["trace_id"], row["span_id"], row["project"]) for row in visible(store, "refusal")}
    assert found == {*((*ids.values(), name) for name in ("mine", "yours")), *((*call, "") for call in others)}


def test_a_reference_may_come_with_the_call_or_from_the_table_and_late(store: Store, clock: Any, seed: Seed) -> None:
    seed(1, prompt_text="2+2?", response_text="four", reference_text="four")
    seed(1, prompt_text="Capital of France?", response_text="Paris")
    runner = Runner(store, config("rouge"), clock=clock)
    clock.advance(10)
    report = run(runner)["rouge"]
    assert (report.scored, report.skipped) == (1, 1)
    for answer, minute in (("Lyon", 0), ("Paris", 1)):
        store.insert(
            "references",
            [{
                "prompt_text": "Capital of France?", "reference_text": answer, "dataset": f"set {minute}",
                "created_at": datetime(2026, 1, 1, 0, minute, tzinfo=UTC), "created_by": "ann",
            }],
        )  # fmt: skip
    clock.advance(20)
    assert run(runner)["rouge"].eligible == 0, "not before its last look"
    clock.advance(30)
    assert run(runner)["rouge"].scored == 1
    assert [row["value"] for row in visible(store, "rouge_1")] == [1.0, 1.0]


def test_a_row_that_becomes_visible_late_is_found_by_the_last_look(store: Store, clock: Any, seed: Seed) -> None:
    runner = Runner(store, config("refusal"), clock=clock)
    seed(2)
    clock.advance(20)
    assert run(runner)["refusal"].scored == 2
    clock.advance(-15)
    seed(1)  # an insert that took 15 s: received before the watermark
    clock.advance(60)
    assert run(runner)["refusal"].scored == 1
    assert len(visible(store, "refusal")) == 3


def test_a_call_that_is_gone_at_the_last_look_is_an_error_and_not_silence(store: Store, clock: Any, seed: Seed) -> None:
    (gone, _), (kept, _) = seed(2)
    filtered = {"response_length": EvaluatorOptions(filters={"model": ("m-1",)})}
    runner = Runner(store, config("refusal", "response_length", options=filtered), clock=clock)
    store.command("DELETE FROM llm_call_parts WHERE trace_id = {gone:String}", {"gone": gone})
    clock.advance(20)
    assert run(runner)["refusal"].eligible == 1, "it may be on its way until the last look"
    clock.advance(60)
    assert run(runner)["refusal"].errors == 1
    rows = {row["trace_id"]: (row["value"], row["error"]) for row in visible(store, "refusal")}
    assert rows == {kept: (0.0, ""), gone: (None, "it arrived, but llm_calls has it no longer")}
    noted = store.query("SELECT trace_id, message FROM evaluation_log WHERE event = 'error'")
    assert noted == [{"trace_id": gone, "message": "it arrived, but llm_calls has it no longer"}]
    assert visible(store, "response_length") == [], "whether it is inside a filter cannot be told"
    clock.advance(60)
    assert run(runner)["refusal"].eligible == 0


def test_an_answer_that_arrives_in_a_later_piece_is_scored(store: Store, clock: Any, seed: Seed) -> None:
    [(trace_id, span_id)] = seed(1, response_text=None)
    runner = Runner(store, config("response_length"), clock=clock)
    clock.advance(10)
    assert run(runner)["response_length"].skipped == 1
    seed(1, trace_id=trace_id, span_id=span_id, response_text="Hello", operation_name=None, start_time=clock.now)
    clock.advance(51)
    assert run(runner)["response_length"].scored == 1
    assert visible(store, "response_length")[0]["value"] == 5


def test_sampling_and_filter_are_per_evaluator_and_by_trace(store: Store, clock: Any, seed: Seed) -> None:
    seed(200, service_name=lambda i: "shop" if i % 2 else "blog")
    clock.advance(10)
    options = {
        "refusal": EvaluatorOptions(sample_rate=0.3),
        "response_length": EvaluatorOptions(filters={"service_name": ("shop",)}),
    }
    reports = run(Runner(store, config("refusal", "response_length", options=options), clock=clock))
    assert 40 <= reports["refusal"].scored <= 80
    assert reports["response_length"].scored == 100
    assert {row["service_name"] for row in visible(store, "response_length")} == {"shop"}
    assert {row["selection_probability"] for row in visible(store, "refusal")} == {0.3}


def test_shards_share_the_traces(store: Store, clock: Any, seed: Seed) -> None:
    seed(60)
    clock.advance(10)
    parts = [run(Runner(store, config("refusal", shard=f"{i}/3"), clock=clock))["refusal"].scored for i in range(3)]
    assert sum(parts) == 60
    assert min(parts) > 5
    seed(10)
    clock.advance(10)
    report = run(Runner(store, config("refusal", shard="0/1"), clock=clock))["refusal"]
    assert report.scored == 10, "with another number of shards it goes on where the slowest stood"


def test_two_workers_on_one_shard_never_show_a_score_twice(store: Store, clock: Any, seed: Seed) -> None:
    seed(30)
    clock.advance(10)
    workers = [Runner(store, config("refusal"), clock=clock) for _ in range(2)]
    threads = [threading.Thread(target=worker.run_once) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(visible(store, "refusal")) == 30


def test_a_backlog_is_worked_off_in_fair_shares(store: Store, clock: Any, seed: Seed) -> None:
    seed(120)
    clock.advance(10)
    runner = Runner(store, config("refusal", batch_calls=5), clock=clock)
    first = runner.run_once()
    assert (first.is_caught_up, first.evaluators[0].scored) == (False, 100)
    second = runner.run_once()
    assert (second.is_caught_up, second.evaluators[0].scored) == (True, 20)
    assert len(visible(store, "refusal")) == 120


def test_one_bad_call_does_not_stop_the_rest(store: Store, clock: Any, seed: Seed, install_evaluator: Install) -> None:
    install_evaluator(
        "fragile",
        """
        if text == "bad": raise ValueError("cannot read this \\ud800")
        if text == "nan": return Score("fragile", math.nan)
        if text == "two": return Score("fragile", 2.0)
        if text == "silent": return Score("fragile", None)
        if text == "shy": return Score("fragile", None, "too shy")
        """,
    )
    texts = ["bad", "nan", "two", "silent", "shy", *["fine"] * 95]
    ids = seed(100, response_text=lambda i: texts[i])
    clock.advance(10)
    report = run(Runner(store, config("fragile", "refusal"), clock=clock))["fragile"]
    assert (report.eligible, report.scored, report.unscored, report.errors) == (100, 95, 1, 4)
    rows = {(row["trace_id"], row["span_id"]): row for row in visible(store, "fragile")}
    errors = [rows[call]["error"] for call in ids]
    assert errors[:5] == [
        "ValueError: cannot read this ?",
        "fragile: nan is not a number",
        "fragile: 2.0 is outside its range 0.0 to 1.0",
        "fragile: no value and no reason",
        "too shy",
    ]
    assert {rows[call]["value"] for call in ids[:5]} == {None}
    assert errors[5:] == [""] * 95
    logged = store.query("SELECT trace_id FROM evaluation_log WHERE event = 'error'")
    assert {row["trace_id"] for row in logged} == {call[0] for call in ids[:4]}
    assert len(visible(store, "refusal")) == 100


def test_an_evaluator_that_cannot_run_says_so_and_waits(
    store: Store, clock: Any, seed: Seed, install_evaluator: Install, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    key = tmp_path / "key"
    install_evaluator("keyed", f"if not os.path.exists({str(key)!r}): raise EvaluatorUnavailable('no key in key.txt')")
    install_evaluator("broken", "pass")
    seed(3)
    clock.advance(10)
    runner = Runner(store, config("keyed", "refusal"), clock=clock)
    with caplog.at_level(logging.WARNING, "watchglass.evaluators"):
        for _ in range(5):
            reports = run(runner)
            assert (reports["keyed"].waiting, reports["keyed"].eligible) == ("no key in key.txt", 0)
            clock.advance(31)
    assert len(visible(store, "refusal")) == 3
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("watchglass")]
    assert ours == ["evaluator keyed waits: no key in key.txt"]
    waiting = store.query("SELECT evaluator, message FROM evaluation_log WHERE event = 'waiting'")
    assert waiting == [{"evaluator": "keyed", "message": "no key in key.txt"}]
    key.touch()
    assert run(runner)["keyed"].scored == 3, "its calls have waited for it"
    assert run(Runner(store, config("keyed"), clock=clock))["keyed"].quarantined == 0, "waiting is no death"


def test_a_plug_in_that_does_not_load_waits_and_the_others_run(
    store: Store, clock: Any, seed: Seed, install_evaluator: Install
) -> None:
    folder = install_evaluator("broken", "pass")
    next(folder.glob("wg_*.py")).write_text("import a_module_that_is_not_there", encoding="utf-8")
    seed(2)
    clock.advance(10)
    reports = run(Runner(store, config("broken", "refusal"), clock=clock))
    assert "a_module_that_is_not_there" in reports["broken"].waiting
    assert reports["refusal"].scored == 2


def test_a_new_version_scores_again_and_old_scores_keep_theirs(
    store: Store, clock: Any, seed: Seed, install_evaluator: Install
) -> None:
    install_evaluator("opinion", version="1")
    seed(5)
    clock.advance(10)
    run(Runner(store, config("opinion"), clock=clock))
    install_evaluator("opinion", version="2")
    assert run(Runner(store, config("opinion"), clock=clock))["opinion"].scored == 5
    versions = store.query("SELECT evaluator_version AS v, count() AS n FROM scores FINAL GROUP BY v ORDER BY v")
    assert versions == [{"v": "1", "n": 5}, {"v": "2", "n": 5}]


def test_calls_before_the_look_back_are_left_alone(store: Store, clock: Any, seed: Seed) -> None:
    seed(2)
    clock.advance(3600)
    seed(3)
    clock.advance(10)
    assert run(Runner(store, config("refusal", lookback_s=600), clock=clock))["refusal"].scored == 3


def test_a_very_long_text_is_unscored_with_the_reason(store: Store, clock: Any, seed: Seed) -> None:
    seed(1, response_text="word " * 50_000)
    clock.advance(10)
    reports = run(Runner(store, config("profanity", "response_length"), clock=clock))
    assert (reports["profanity"].unscored, reports["response_length"].scored) == (1, 1)
    assert visible(store, "profanity")[0]["error"] == "response_text is longer than 200,000 characters"
    assert visible(store, "response_length")[0]["value"] == 250_000


def test_a_clients_broken_clock_neither_loses_nor_misplaces_a_score(store: Store, clock: Any, seed: Seed) -> None:
    kept = datetime.combine((clock.now - timedelta(days=29)).date(), time(), UTC)
    seed(1, start_time=datetime(1999, 1, 1, tzinfo=UTC), hour=kept)
    clock.advance(10)
    assert run(Runner(store, config("refusal"), clock=clock))["refusal"].scored == 1
    assert visible(store, "refusal")[0]["call_time"].date() == kept.date()


class Failing:
    """A store whose n-th insert into a table fails, before or after it reached the real one."""

    def __init__(self, store: Store, table: str, *, after: bool) -> None:
        self._store, self._table, self._after = store, table, after
        self.failures_left = 2

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def insert(self, table: str, rows: Any, **options: Any) -> None:
        fails = table == self._table and self.failures_left > 0
        if not fails or self._after:
            self._store.insert(table, rows, **options)
        if fails:
            self.failures_left -= 1
            raise StoreUnavailable("connection reset")


@pytest.mark.parametrize("table", ["scores", "evaluation_log"])
@pytest.mark.parametrize("after", [True, False])
def test_a_store_that_fails_for_a_while_costs_nothing(
    store: Store, clock: Any, seed: Seed, table: str, after: bool
) -> None:
    seed(7)
    clock.advance(10)
    failing: Any = Failing(store, table, after=after)
    runner = Runner(failing, config("refusal"), clock=clock)
    with pytest.raises(StoreUnavailable):
        runner.run_once()
    for _ in range(3):
        with contextlib.suppress(StoreUnavailable):
            runner.run_once()
    assert failing.failures_left <= 1
    assert len(visible(store, "refusal")) == 7
    assert [row["error"] for row in visible(store, "refusal")] == [""] * 7


def test_run_forever_outlives_the_store_and_stops_when_told(store: Store, seed: Seed, clock: Any) -> None:
    seed(4)
    clock.advance(10)
    failing: Any = Failing(store, "scores", after=False)
    failing.failures_left = 1
    stop = threading.Event()
    runner = Runner(failing, config("refusal", poll_s=0.05), clock=clock)
    thread = threading.Thread(target=runner.run_forever, args=(stop,))
    thread.start()
    deadline = threading.Event()
    for _ in range(200):
        if len(visible(store, "refusal")) == 4:
            break
        deadline.wait(0.05)
    stop.set()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert len(visible(store, "refusal")) == 4


def test_the_context_of_a_call_is_what_its_trace_retrieved_before_it(store: Store, clock: Any, seed: Seed) -> None:
    trace = "0" * 31 + "a"
    early, late = (clock.now - timedelta(seconds=s) for s in (5, 0.5))
    own = {"trace_id": trace, "prompt_text": None, "response_text": None, "operation_name": "retrieval"}
    seed(1, **own, context_text="Second: 4 days.", start_time=clock.now - timedelta(seconds=4))
    seed(1, **own, context_text="First: 3 days.", start_time=early)
    seed(1, **own, context_text="Too late: 9 days.", start_time=late)
    seed(1, trace_id=trace, response_text="It takes 3 or 4 or 9 days.")
    seed(1, response_text="Another trace: 3 days.")
    seed(1, context_text="Its own: 7 days.", trace_id=trace, response_text="It takes 7 days.")
    clock.advance(10)
    report = run(Runner(store, config("groundedness"), clock=clock))["groundedness"]
    assert (report.scored, report.skipped) == (2, 1)
    values = {round(row["value"], 3): row["explanation"] for row in visible(store, "numbers_grounded")}
    assert values == {0.667: "numbers without support: 9", 1.0: ""}
