"""`observe` on every sort of function: same behaviour for the caller, one span per call."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
import json
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

import pytest

import watchglass
from watchglass import testing


class Trouble(Exception):
    pass


@pytest.fixture
def captured() -> Iterator[testing.Captured]:
    with testing.capture() as running:
        yield running


def attribute(captured: testing.Captured, name: str) -> Any:
    return json.loads(captured.spans[0].attributes[name])


def test_a_function_keeps_what_it_is() -> None:
    @watchglass.observe
    def greet(name: str, *, loud: bool = False) -> str:
        """Say hello."""
        return name

    @watchglass.observe()
    async def wait() -> None: ...

    @watchglass.observe(kind="tool")
    def count() -> Iterator[int]:
        yield 1

    @watchglass.observe(name="stream")
    async def stream() -> AsyncIterator[int]:
        yield 1

    assert (greet.__name__, greet.__doc__) == ("greet", "Say hello.")
    assert str(inspect.signature(greet)).startswith("(name: 'str', *, loud: 'bool' = False)")
    assert inspect.iscoroutinefunction(wait)
    assert inspect.isgeneratorfunction(count)
    assert inspect.isasyncgenfunction(stream)


def test_arguments_and_result_are_recorded(captured: testing.Captured) -> None:
    @watchglass.observe
    def add(a: int, b: int = 2, *rest: int, **named: int) -> int:
        return a + b

    assert add(1, b=5, c=7) == 6
    assert add(1, 2, 3, 4) == 3
    assert captured.spans[0].name == "add"
    assert attribute(captured, "watchglass.input") == {"a": 1, "b": 5, "c": 7}
    assert attribute(captured, "watchglass.output") == 6
    assert json.loads(captured.spans[1].attributes["watchglass.input"]) == {"a": 1, "b": 2, "args": [3, 4]}


def test_capture_can_be_turned_off_for_a_function(captured: testing.Captured) -> None:
    @watchglass.observe(capture_input=False, capture_output=False)
    def secret(a: str) -> str:
        return a

    secret("x")
    assert captured.spans[0].attributes == {"gen_ai.operation.name": "chain"}


def test_methods_leave_self_and_cls_out(captured: testing.Captured) -> None:
    class Shop:
        @watchglass.observe
        def sell(self, item: str) -> str:
            return item

        @classmethod
        @watchglass.observe
        def make(cls, item: str) -> str:
            return item

        @watchglass.observe
        @staticmethod
        def price(item: str) -> str:
            return item

        @watchglass.observe
        @classmethod
        def name(cls, item: str) -> str:
            return item

    assert [Shop().sell("a"), Shop.make("b"), Shop.price("c"), Shop().price("d"), Shop.name("e")] == list("abcde")
    assert [json.loads(span.attributes["watchglass.input"]) for span in captured.spans] == [
        {"item": letter} for letter in "abcde"
    ]
    assert captured.spans[0].name == "Shop.sell"


def test_models_and_retrievers_record_the_argument_that_is_their_input(captured: testing.Captured) -> None:
    @watchglass.observe(kind="llm")
    def chat(model: str, messages: str) -> None: ...

    @watchglass.observe(kind="retrieval")
    def search(where: str, top_k: int = 3) -> None: ...

    chat("small", "hello")
    search("here")
    asked, searched = (span.attributes for span in captured.spans)
    assert json.loads(asked["gen_ai.input.messages"])[0]["parts"][0]["content"] == "hello"
    assert searched["gen_ai.retrieval.query.text"] == "here"


def test_an_exception_passes_through_unchanged_and_marks_the_span(captured: testing.Captured) -> None:
    trouble = Trouble("broken")

    @watchglass.observe
    def fail() -> None:
        raise trouble

    with pytest.raises(Trouble) as caught:
        fail()
    assert caught.value is trouble
    assert captured.spans[0].is_error
    assert captured.spans[0].attributes["error.type"] == f"{__name__}.Trouble"


def test_wrong_arguments_raise_the_functions_own_error(captured: testing.Captured) -> None:
    @watchglass.observe
    def one(a: int) -> int:
        return a

    with pytest.raises(TypeError, match="unexpected keyword argument 'b'"):
        one(1, b=2)  # type: ignore[call-arg]  # wrong on purpose
    assert captured.spans[0].attributes["error.type"] == "TypeError"


def test_calls_nest(captured: testing.Captured) -> None:
    @watchglass.observe
    def inner() -> None: ...

    @watchglass.observe
    def outer() -> None:
        inner()

    outer()
    child, parent = captured.spans
    assert (child.trace_id, child.parent_span_id) == (parent.trace_id, parent.span_id)


def test_coroutines_nest_and_do_not_mix(captured: testing.Captured) -> None:
    @watchglass.observe
    async def inner(n: int) -> int:
        await asyncio.sleep(0.01)
        return n

    @watchglass.observe
    async def outer(n: int) -> int:
        return await inner(n)

    async def main() -> list[int]:
        return await asyncio.gather(*(outer(n) for n in range(5)))

    assert asyncio.run(main()) == [0, 1, 2, 3, 4]
    outers = {span.span_id: span for span in captured.spans if span.name == "outer"}
    for span in captured.spans:
        if span.name == "inner":
            assert outers[span.parent_span_id].attributes["watchglass.input"] == span.attributes["watchglass.input"]


def test_a_cancelled_coroutine_is_an_error(captured: testing.Captured) -> None:
    @watchglass.observe
    async def slow() -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        await asyncio.wait_for(slow(), 0.01)

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert captured.spans[0].attributes["error.type"] == "asyncio.exceptions.CancelledError"


def test_a_stream_of_text_is_recorded_as_text(captured: testing.Captured) -> None:
    @watchglass.observe(kind="llm")
    def stream(prompt: str) -> Iterator[str]:
        yield "Hel"
        yield "lo"

    assert list(stream("hi")) == ["Hel", "lo"]
    assert attribute(captured, "gen_ai.output.messages")[0]["parts"][0]["content"] == "Hello"


def test_a_generator_behaves_as_before(captured: testing.Captured) -> None:
    @watchglass.observe
    def echo() -> Generator[Any, Any, str]:
        got = yield "first"
        try:
            yield got
        except Trouble:
            yield "caught"
        return "end"

    generator = echo()
    assert next(generator) == "first"
    assert generator.send("sent") == "sent"
    assert generator.throw(Trouble()) == "caught"
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "end"
    assert attribute(captured, "watchglass.output") == "firstsentcaught"
    assert not captured.spans[0].is_error


def test_a_generators_span_is_current_only_while_it_runs(captured: testing.Captured) -> None:
    @watchglass.observe
    def numbers() -> Iterator[str]:
        with watchglass.span("inside"):
            pass
        yield "a"

    with watchglass.span("caller") as caller:
        for _ in numbers():
            with watchglass.span("between"):
                pass
    spans = {span.name: span for span in captured.spans}
    assert spans["inside"].parent_span_id == spans["numbers"].span_id
    assert spans["between"].parent_span_id == caller.span_id
    assert spans["numbers"].parent_span_id == caller.span_id


def test_a_generator_left_early_is_no_error_and_is_closed(captured: testing.Captured) -> None:
    closed = []

    @watchglass.observe
    def numbers() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            closed.append(True)

    for number in numbers():
        if number == 2:
            break
    gc.collect()
    assert closed == [True]
    assert attribute(captured, "watchglass.output") == [0, 1, 2]
    assert not captured.spans[0].is_error


def test_a_failing_generator_is_an_error_with_what_it_had_yielded(captured: testing.Captured) -> None:
    @watchglass.observe
    def numbers() -> Iterator[int]:
        yield 1
        raise Trouble("broken")

    with pytest.raises(Trouble):
        list(numbers())
    assert attribute(captured, "watchglass.output") == [1]
    assert captured.spans[0].is_error


def test_a_long_stream_keeps_its_beginning(captured: testing.Captured) -> None:
    @watchglass.observe
    def numbers() -> Iterator[int]:
        yield from range(1500)

    assert len(list(numbers())) == 1500
    assert attribute(captured, "watchglass.output")[-1] == "…[cut 500 items]"


def test_an_asynchronous_generator_behaves_as_before(captured: testing.Captured) -> None:
    cleaned = []

    @watchglass.observe
    async def echo(n: int) -> Any:
        try:
            got = yield "first"
            try:
                yield got
            except Trouble:
                yield "caught"
            if n:
                raise Trouble("broken")
        finally:
            cleaned.append(n)

    async def main() -> None:
        first = echo(0)
        assert await anext(first) == "first"
        assert await first.asend("sent") == "sent"
        assert await first.athrow(Trouble()) == "caught"
        assert [item async for item in first] == []
        second = echo(0)
        await anext(second)
        await second.aclose()
        with pytest.raises(Trouble):
            assert [item async for item in echo(1)] == ["unreachable"]

    asyncio.run(main())
    assert cleaned == [0, 0, 1]
    assert [span.is_error for span in captured.spans] == [False, False, True]
    assert attribute(captured, "watchglass.output") == "firstsentcaught"


def test_hostile_arguments_and_results_do_no_harm(captured: testing.Captured) -> None:
    class Bomb:
        def __repr__(self) -> str:
            raise RuntimeError("no")

        __str__ = __repr__

    @watchglass.observe
    def pass_on(value: Any) -> Any:
        return value

    bomb = Bomb()
    assert pass_on(bomb) is bomb
    assert "unreadable" in captured.spans[0].attributes["watchglass.output"]


def test_an_exception_whose_text_raises_passes_through(captured: testing.Captured) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

        __repr__ = __str__

    @watchglass.observe
    def fail() -> None:
        raise Mute

    with pytest.raises(Mute):
        fail()
    assert captured.spans[0].is_error


def test_huge_arguments_are_cut() -> None:
    with testing.capture(max_text_chars=1000) as captured:

        @watchglass.observe
        def read(text: str) -> int:
            return len(text)

        assert read("x" * 10_000_000) == 10_000_000
    recorded = captured.spans[0].attributes["watchglass.input"]
    assert len(recorded) < 1200
    assert "[cut 99990" in json.loads(recorded)["text"]


def test_without_content_no_text_is_recorded() -> None:
    with testing.capture(capture_content=False) as captured:

        @watchglass.observe
        def fail(text: str) -> None:
            raise Trouble(text)

        with pytest.raises(Trouble), watchglass.context(reference="private", session_id="s"):
            fail("private")
    assert "private" not in str(captured.spans)
    assert captured.spans[0].attributes["session.id"] == "s"
    assert captured.spans[0].attributes["error.type"].endswith("Trouble")


def test_a_successful_exit_is_no_error(captured: testing.Captured) -> None:
    @watchglass.observe
    def leave(code: int) -> None:
        raise SystemExit(code)

    for code in (0, 1):
        with pytest.raises(SystemExit):
            leave(code)
    assert [span.is_error for span in captured.spans] == [False, True]


def test_what_is_no_function_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    class Shop: ...

    assert watchglass.observe(Shop) is Shop
    assert watchglass.observe(3) == 3  # type: ignore[type-var]  # garbage on purpose
    assert watchglass.observe(name="x")(None) is None  # type: ignore[type-var]  # garbage on purpose
    assert "for functions" in caplog.text


def test_builtins_partials_and_callable_objects_work(captured: testing.Captured) -> None:
    class Callable:
        def __call__(self, a: int) -> int:
            return a

    assert watchglass.observe(len)([1]) == 1
    assert watchglass.observe(functools.partial(max, 3))(2) == 3
    assert watchglass.observe(Callable())(4) == 4
    assert [span.name for span in captured.spans] == ["len", "partial", "Callable"]
