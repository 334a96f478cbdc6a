"""``observe``: every call of a function as a span."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, TypeVar, cast, overload

from watchglass._internal import state
from watchglass._internal.guard import report, warn_once
from watchglass._internal.kinds import KINDS
from watchglass._internal.spans import Span

F = TypeVar("F", bound=Callable[..., Any])

MAX_ITEMS = 1000
"""Items of a generator that are kept for its output; further ones are counted."""


@overload
def observe(function: F, /) -> F: ...


@overload
def observe(
    *, name: str | None = None, kind: str = "chain", capture_input: bool = True, capture_output: bool = True
) -> Callable[[F], F]: ...


def observe(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    kind: str = "chain",
    capture_input: bool = True,
    capture_output: bool = True,
) -> F | Callable[[F], F]:
    """Record every call of a function as a span, with its arguments and its result.

    Works with and without arguments, on functions, coroutine functions, generators and asynchronous generators, and
    keeps what the function is. Exceptions pass through unchanged and mark the span as an error. A generator's span
    lasts until it is exhausted or closed; its output is the list of its items, or their text when all are text.

    Args:
        function: The function, when used as ``@observe``.
        name: Name of the span; default: the function's qualified name.
        kind: ``chain``, ``agent``, ``tool``, ``retrieval``, ``llm`` or ``embeddings``.
        capture_input: Whether to record the arguments.
        capture_output: Whether to record the result.
    """

    def decorate(function: F) -> F:
        try:
            return _decorated(function, name, kind, capture_input, capture_output)
        except Exception as error:
            report("observe", error)
            return function

    return decorate if function is None else decorate(function)


def _decorated(function: F, name: str | None, kind: str, capture_input: bool, capture_output: bool) -> F:
    if isinstance(function, staticmethod | classmethod):
        inner = _decorated(function.__func__, name, kind, capture_input, capture_output)
        return cast(F, type(function)(inner))
    if not callable(function) or isinstance(function, type):
        warn_once("observe", "watchglass.observe is for functions; a %s is left as it is", type(function).__name__)
        return function
    call = _Call(function, name, kind, capture_input, capture_output)
    if inspect.isasyncgenfunction(function):
        wrapper: Callable[..., Any] = _wrap_async_generator(function, call)
    elif inspect.iscoroutinefunction(function):
        wrapper = _wrap_coroutine(function, call)
    elif inspect.isgeneratorfunction(function):
        wrapper = _wrap_generator(function, call)
    else:
        wrapper = _wrap_function(function, call)
    return cast(F, functools.wraps(function)(wrapper))


class _Call:
    """What is known about an observed function before it is called."""

    __slots__ = ("_captures_input", "_input_names", "_kind", "_name", "_positional", "captures_output")

    def __init__(
        self, function: Callable[..., Any], name: str | None, kind: str, capture_input: bool, capture_output: bool
    ) -> None:
        qualified_name = getattr(function, "__qualname__", None) or type(function).__qualname__
        self._name = name or qualified_name.rpartition("<locals>.")[2]
        self._kind = kind
        self._input_names = KINDS[kind].input_names if kind in KINDS else ()
        self._captures_input = capture_input
        self.captures_output = capture_output
        self._positional = _positional_names(function)

    def start(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Span:
        """Start the span of one call and record its arguments."""
        span = Span(self._name, self._kind)
        span._start()
        if self._captures_input and span._records_content:
            try:
                span.set_input(self._input(args, kwargs))
            except Exception as error:
                report("observe", error)
        return span

    def _input(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        """Return the argument that is the input of this kind, or all arguments by name, without self and cls."""
        named: dict[str, Any] = dict(zip(self._positional, args, strict=False))
        if len(args) > len(self._positional):
            named["args"] = args[len(self._positional) :]
        named.update(kwargs)
        for instance in ("self", "cls"):
            named.pop(instance, None)
        if not self._input_names or not named:
            return named
        chosen = next((name for name in self._input_names if name in named), next(iter(named)))
        return named[chosen]


def _positional_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the parameters that can be given by position; none for some functions written in C."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(parameter.name for parameter in parameters if parameter.kind in by_position)


class _Stream:
    """The span of one generator: current inside ``with``, with the items yielded so far."""

    __slots__ = ("_captures", "_items", "_more", "_span")

    def __init__(self, call: _Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._span = call.start(args, kwargs)
        self._captures = call.captures_output and self._span._records_content
        self._items: list[Any] = []
        self._more = 0

    def __enter__(self) -> None:
        self._span._attach()

    def __exit__(self, *_: object) -> None:
        self._span._detach()

    def add(self, item: object) -> None:
        if self._captures and len(self._items) < MAX_ITEMS:
            self._items.append(item)
        else:
            self._more += 1

    def fail(self, error: BaseException) -> None:
        self._span._record_error(error)

    def end(self) -> None:
        if self._captures:
            items = self._items + ([f"…[cut {self._more} items]"] if self._more else [])
            self._span.set_output("".join(items) if all(type(item) is str for item in items) else items)
        self._span._end()


def _wrap_function(function: Callable[..., Any], call: _Call) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if state.client is None:
            return function(*args, **kwargs)
        with call.start(args, kwargs) as span:
            result = function(*args, **kwargs)
            if call.captures_output:
                span.set_output(result)
            return result

    return wrapper


def _wrap_coroutine(function: Callable[..., Any], call: _Call) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        if state.client is None:
            return await function(*args, **kwargs)
        with call.start(args, kwargs) as span:
            result = await function(*args, **kwargs)
            if call.captures_output:
                span.set_output(result)
            return result

    return wrapper


def _wrap_generator(function: Callable[..., Any], call: _Call) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        """Run the generator as ``yield from`` does, with its span current while its code runs and only then."""
        generator = function(*args, **kwargs)
        stream = _Stream(call, args, kwargs)
        step: Callable[..., Any] = generator.send
        argument: Any = None
        try:
            while True:
                with stream:
                    try:
                        item = step(argument)
                    except StopIteration as stop:
                        return stop.value
                stream.add(item)
                try:
                    step, argument = generator.send, (yield item)
                except GeneratorExit:
                    with stream:
                        generator.close()
                    raise
                except BaseException as thrown:
                    step, argument = generator.throw, thrown
        except BaseException as error:
            stream.fail(error)
            raise
        finally:
            stream.end()

    return wrapper


def _wrap_async_generator(function: Callable[..., Any], call: _Call) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        generator = function(*args, **kwargs)
        stream = _Stream(call, args, kwargs)
        step: Callable[..., Any] = generator.asend
        argument: Any = None
        try:
            while True:
                with stream:
                    try:
                        item = await step(argument)
                    except StopAsyncIteration:
                        return
                stream.add(item)
                try:
                    step, argument = generator.asend, (yield item)
                except GeneratorExit:
                    with stream:
                        await generator.aclose()
                    raise
                except BaseException as thrown:
                    step, argument = generator.athrow, thrown
        except BaseException as error:
            stream.fail(error)
            raise
        finally:
            stream.end()

    return wrapper
