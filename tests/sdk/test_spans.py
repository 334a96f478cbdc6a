"""`span` and `context` on what is recorded; `score` on what it is about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from opentelemetry import trace

import watchglass
from watchglass import testing

from .conftest import Sink


class Bomb:
    def __str__(self) -> NoReturn:
        raise RuntimeError("no")

    __repr__ = __float__ = __str__


@pytest.fixture
def captured() -> Iterator[testing.Captured]:
    with testing.capture() as running:
        yield running


def test_ids_are_known_inside_and_afterwards(captured: testing.Captured) -> None:
    span = watchglass.span("work")
    assert (span.trace_id, span.span_id) == ("", "")
    with span:
        inside = (span.trace_id, span.span_id)
    assert inside == (span.trace_id, span.span_id) == ("0" * 31 + "1", "0" * 15 + "1")
    assert (captured.spans[0].trace_id, captured.spans[0].span_id) == inside


def test_an_exception_leaves_the_block_unchanged(captured: testing.Captured) -> None:
    trouble = StopIteration("odd")
    with pytest.raises(StopIteration) as caught, watchglass.span("work"):
        raise trouble
    assert caught.value is trouble
    assert captured.spans[0].attributes["error.type"] == "StopIteration"


def test_attributes_keep_the_types_that_opentelemetry_has(captured: testing.Captured) -> None:
    with watchglass.span("work", kind="llm", attributes={"gen_ai.request.model": "m", "bad": Bomb()}) as span:
        for name, value in {"i": 1, "f": 0.5, "b": True, "l": ["a", "b"], "none": None, "big": 2**70}.items():
            span.set_attribute(name, value)
        span.set_attribute("d", {"a": 1})
        span.set_attribute(Bomb(), 1)  # type: ignore[arg-type]  # garbage on purpose
    recorded = captured.spans[0].attributes
    assert "unreadable" in recorded.pop("bad")
    assert recorded == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "i": 1,
        "f": 0.5,
        "b": True,
        "l": ("a", "b"),
        "big": str(2**70),
        "d": '{"a":1}',
    }


def test_garbage_names_do_no_harm(captured: testing.Captured) -> None:
    for name in (None, 3, "", "x" * 10_000, "bad \ud800", Bomb()):
        with watchglass.span(name):  # type: ignore[arg-type]  # garbage on purpose
            pass
    assert [len(span.name) < 1100 for span in captured.spans] == [True] * 6
    "".join(span.name for span in captured.spans).encode("utf-8")


def test_a_span_used_after_its_end_does_no_harm(captured: testing.Captured, caplog: pytest.LogCaptureFixture) -> None:
    with watchglass.span("work") as span:
        pass
    span.set_output("late")
    span.set_attribute("late", 1)
    with span:
        pass
    assert len(captured.spans) == 1
    assert captured.spans[0].attributes == {"gen_ai.operation.name": "chain"}


def test_context_reaches_every_span_inside_and_nests(captured: testing.Captured) -> None:
    with watchglass.context(session_id="s1", user_id="u1", prompt_name="support", prompt_version="7", reference="gold"):
        with watchglass.context(user_id="u2"), watchglass.span("inner"), watchglass.span("child"):
            pass
        with watchglass.span("outer"):
            pass
    with watchglass.span("after"):
        pass
    spans = {span.name: span.attributes for span in captured.spans}
    outer = {
        "gen_ai.operation.name": "chain",
        "session.id": "s1",
        "gen_ai.conversation.id": "s1",
        "user.id": "u1",
        "gen_ai.prompt.name": "support",
        "gen_ai.prompt.version": "7",
        "watchglass.reference.text": "gold",
    }
    assert spans["outer"] == outer
    assert spans["inner"] == spans["child"] == {**outer, "user.id": "u2"}
    assert spans["after"] == {"gen_ai.operation.name": "chain"}


def test_context_takes_garbage(captured: testing.Captured) -> None:
    with watchglass.context(session_id=Bomb(), user_id=3, prompt_version="v" * 5000):  # type: ignore[arg-type]  # on purpose
        with watchglass.span("work"):
            pass
    recorded = captured.spans[0].attributes
    assert "unreadable" in recorded["session.id"]
    assert recorded["user.id"] == "3"
    assert len(recorded["gen_ai.prompt.version"]) < 1100


def test_context_reaches_the_applications_own_spans(sdk: Sink) -> None:
    with watchglass.context(session_id="s1"):
        trace.get_tracer("the application").start_span("its own").end()
    assert watchglass.flush()
    assert sdk.span("its own").attributes == {"session.id": "s1", "gen_ai.conversation.id": "s1"}


def test_a_score_is_about_the_current_span(captured: testing.Captured) -> None:
    with watchglass.span("outer"), watchglass.span("inner") as inner:
        watchglass.score("thumbs", value=True)
    (score,) = captured.scores
    assert (score.name, score.value, score.trace_id, score.span_id) == ("thumbs", 1.0, inner.trace_id, inner.span_id)
    assert score.attributes["watchglass.score.source"] == "external"


def test_a_score_names_its_span_later(captured: testing.Captured) -> None:
    with watchglass.span("work") as span:
        pass
    watchglass.score("tone", label="rude", trace_id=span.trace_id, span_id=span.span_id)
    (tone,) = captured.scores
    assert (tone.value, tone.label, tone.trace_id, tone.span_id) == (None, "rude", span.trace_id, span.span_id)


def test_a_score_of_the_current_span_knows_its_prompt(captured: testing.Captured) -> None:
    with watchglass.context(user_id="u", prompt_name="support", prompt_version="7"), watchglass.span("work") as span:
        watchglass.score("here", value=1)
        watchglass.score("elsewhere", value=1, trace_id=span.trace_id, span_id=span.span_id)
    here, elsewhere = (score.attributes for score in captured.scores)
    assert (here["gen_ai.prompt.name"], here["gen_ai.prompt.version"]) == ("support", "7")
    assert "user.id" not in here
    assert "gen_ai.prompt.name" not in elsewhere


def test_a_score_carries_who_judged_and_which_way_is_better(captured: testing.Captured) -> None:
    with watchglass.span("work"):
        watchglass.score(
            "rouge", value=1, source="judge", evaluator="e", evaluator_version="2", direction="higher_is_better"
        )
    attributes = captured.scores[0].attributes
    assert attributes["watchglass.score.source"] == "judge"
    assert attributes["watchglass.evaluator.name"] == "e"
    assert attributes["watchglass.evaluator.version"] == "2"
    assert attributes["watchglass.score.direction"] == "higher_is_better"


@pytest.mark.parametrize(
    "ids",
    [
        {},
        {"span_id": "0" * 15 + "1"},
        {"trace_id": "1" * 32},
        {"trace_id": "abc", "span_id": "1" * 16},
        {"trace_id": "0" * 32},
        {"trace_id": 1, "span_id": 1},
        {"trace_id": "0x" + "1" * 30, "span_id": "1" * 16},
        {"trace_id": "1" * 32, "span_id": "nonsense"},
    ],
)
def test_a_score_about_nothing_is_dropped_with_one_warning(
    captured: testing.Captured, caplog: pytest.LogCaptureFixture, ids: dict[str, Any]
) -> None:
    with watchglass.span("finished"):
        pass
    for _ in range(3):
        watchglass.score("thumbs", value=1, **ids)
    assert captured.scores == []
    assert caplog.text.count("outside of a span") == 1


@pytest.mark.parametrize("value", [None, "abc", float("nan"), float("inf"), Bomb(), [1]], ids=range(6))
def test_a_score_without_a_number_needs_a_label(
    captured: testing.Captured, caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    with watchglass.span("work"):
        watchglass.score("thumbs", value=value)
        watchglass.score("thumbs", value=value, label="good")
    assert [(score.value, score.label) for score in captured.scores] == [(None, "good")]


def test_a_score_with_unknown_words_is_kept_without_them(
    captured: testing.Captured, caplog: pytest.LogCaptureFixture
) -> None:
    with watchglass.span("work"):
        watchglass.score("thumbs", value=1, source="nonsense", direction="up")
    assert captured.scores[0].attributes["watchglass.score.source"] == "external"
    assert "watchglass.score.direction" not in captured.scores[0].attributes
    assert "unknown source" in caplog.text
    assert "unknown direction" in caplog.text


def test_capture_restores_what_was_there(sdk: Sink) -> None:
    with testing.capture(), watchglass.span("captured"):
        pass
    with watchglass.span("sent"):
        pass
    assert watchglass.flush()
    assert [span.name for span in sdk.spans] == ["sent"]
