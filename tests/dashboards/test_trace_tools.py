"""What can be done with a trace and a list: verdicts, steps, more of a long text, files, facets and saved views."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from watchglass_dashboards.ui.long_text import STEP
from watchglass_dashboards.ui.steps import neighbours
from watchglass_dashboards.ui.text import TEXT_LIMIT
from watchglass_store import Store
from watchglass_store.queries.pages import Scope
from watchglass_store.queries.pages_facets import FACETS, facets
from watchglass_store.queries.pages_judgement import judgement, whole
from watchglass_store.queries.saved_views import add_view_version, saved_views

A1, A2, B1, THEIRS = ("a", "1", ""), ("a", "2", ""), ("b", "1", ""), ("a", "2", "theirs")
IDS = [A1, A2, THEIRS, B1]


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (A1, (0, None, A2)),
        (A2, (1, A1, THEIRS)),
        (THEIRS, (2, A2, B1)),
        (B1, (3, THEIRS, None)),
        (("b", "9", ""), (3, THEIRS, None)),
        (("a", "9", "theirs"), (2, A2, B1)),
        (("c", "1", ""), (None, None, None)),
    ],
)
def test_steps_keep_to_the_list(call, found):
    assert neighbours(IDS, call) == found


def healthy(page):
    assert not page.exception, page.exception[0].message
    assert not page.error, page.error[0].value


def button(page, title):
    return next(found for found in page.button if found.label == title)


def chat_of(seeded):
    return next(call for call in reversed(seeded.seed.chats) if call["span_id"] in seeded.scored)


def test_a_verdict_that_does_not_arrive_says_so_and_can_be_sent_again(view, seeded):
    chat = chat_of(seeded)
    page = view("trace", id=chat["trace_id"], span=chat["span_id"])
    healthy(page)
    button(page, "Good").click().run()
    for _ in range(50):
        if page.warning:
            break
        page.run()
    assert "1 of your verdicts did not arrive" in page.warning[0].value
    assert [found.label for found in page.button].count("Send again") == 1


def test_a_trace_as_a_file(seeded, seeded_reader):
    chat = chat_of(seeded)
    found = whole(seeded_reader, chat["trace_id"], "")
    assert {row["SpanId"] for row in found["spans"]} == {
        span["SpanId"] for span in seeded.seed.spans if span["TraceId"] == chat["trace_id"]
    }
    assert chat["prompt_text"] in {row["prompt_text"] for row in found["calls"]}
    assert len(found["scores"]) == sum(score["trace_id"] == chat["trace_id"] for score in seeded.seed.scores)


def test_hostile_83_a_long_prompt_is_cut_with_show_more(view, long_prompt):
    source, text = long_prompt
    page = view("trace", source=source, id="10" * 16, span="10" * 8)
    healthy(page)
    shown = max((element.value for element in page.text), key=len)
    assert len(shown) < TEXT_LIMIT + 100
    more = next(found for found in page.button if "more characters" in found.label)
    assert more.label == f"Show {STEP:,} more characters"
    more.click().run()
    healthy(page)
    shown = max((element.value for element in page.text), key=len)
    assert shown.startswith(text[: TEXT_LIMIT + STEP])


@pytest.fixture
def long_prompt(editor_config, store: Store):
    now = datetime.now(UTC).replace(microsecond=0)
    text = "All work and no play. " * 250_000  # 5.5 MB
    messages = orjson.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]}]).decode()
    store.insert(
        "llm_call_parts",
        [
            {
                "hour": now.replace(minute=0, second=0), "trace_id": "10" * 16, "span_id": "10" * 8, "received_at": now,
                "start_time": now, "duration_s": 1.0, "operation_name": "chat", "request_model": "m",
                "input_messages": messages, "prompt_text": text, "response_text": "ok", "span_name": "chat m",
            }
        ],
    )  # fmt: skip
    return editor_config, text


def test_facets_count_what_the_rollup_holds(seeded, seeded_reader):
    start, end = seeded.seed.now - timedelta(hours=24), seeded.seed.now + timedelta(minutes=1)
    rows = facets(seeded_reader, Scope(start, end, operations=("chat",)))
    wanted = Counter(chat["response_model"] for chat in seeded.seed.chats if chat["start_time"] >= start)
    assert {row["value"]: row["n"] for row in rows if row["facet"] == "Model"} == dict(wanted)
    assert {row["facet"] for row in rows} == set(FACETS)


def test_a_view_is_saved_by_name_and_forgotten(editor_config, store: Store):
    now = datetime.now(UTC)
    add_view_version(store, id="1", page="traces", name="Slow", query="slow=2", author="ada", now=now)
    assert [row["query"] for row in saved_views(store, "traces")] == ["slow=2"]
    assert saved_views(store, "cost") == []
    later = now + timedelta(seconds=1)
    add_view_version(store, id="1", page="traces", name="Slow", query="", author="ada", now=later, deleted=True)
    assert saved_views(store, "traces") == []


def test_what_is_kept_of_a_judgement(store: Store):
    now = datetime.now(UTC)
    verdict = {
        "evaluator_version": "3", "input_hash": "x", "time": now, "evaluator": "helpful", "trace_id": "t",
        "span_id": "s", "value": 0.5, "choice": "partly", "method": "choice", "agreement": 0.66,
        "votes": [("m1", "partly", 0.5), ("m2", "no", None)], "explanation": "", "cost_usd": 0.001,
    }  # fmt: skip
    store.insert("judge_verdicts", [verdict])
    store.insert(
        "judge_versions", [{"evaluator": "helpful", "evaluator_version": "3", "time": now, "definition": "{}"}]
    )
    found, definition = judgement(store, "helpful", "3", ("t", "s", ""))
    assert found is not None
    assert found["ballots"] == [("m1", "partly", 0.5), ("m2", "no", None)]
    assert (found["choice"], definition) == ("partly", "{}")
    assert judgement(store, "helpful", "2", ("t", "s", "")) == (None, "")
    assert judgement(store, "helpful", "3", ("t", "s", "theirs")) == (None, "{}")
