"""The public surface, and what importing it loads."""

from __future__ import annotations

import inspect
import json

import watchglass
import watchglass.testing
from watchglass._internal import settings

from .conftest import Script


def test_all_names_what_is_public() -> None:
    public = {
        name for name, value in vars(watchglass).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public == set(watchglass.__all__)
    assert all(hasattr(watchglass.testing, name) for name in watchglass.testing.__all__)


def test_every_setting_is_an_argument_of_init_and_a_field() -> None:
    names = [setting.name for setting in settings.TABLE]
    assert names == list(inspect.signature(watchglass.init).parameters)
    assert names == list(settings.Settings.__dataclass_fields__)
    documented = inspect.getdoc(watchglass.init) or ""
    assert all(f"\n    {name}: " in documented for name in names)


def test_import_loads_neither_opentelemetry_nor_http_nor_a_server_part(script: Script) -> None:
    done = script("import watchglass, sys, json; print(json.dumps(sorted(sys.modules)))")
    loaded = json.loads(done.stdout)
    heavy = (
        "opentelemetry",
        "google",
        "requests",
        "urllib",
        "http",
        "ssl",
        "asyncio",
        "watchglass_",
        "numpy",
        "openai",
    )
    assert [name for name in loaded if name.startswith(heavy)] == []


def test_everything_is_harmless_before_init(script: Script) -> None:
    done = script(
        """
        import watchglass

        @watchglass.observe
        def double(x):
            return 2 * x

        @watchglass.observe
        def numbers():
            return (yield 1)

        with watchglass.context(session_id="s"), watchglass.span("work") as span:
            span.set_input(1); span.set_output(2); span.set_attribute("a", 3)
            watchglass.score("thumbs", value=1)
            print(double(4), list(numbers()), repr(span.trace_id), repr(span.span_id), watchglass.flush())
        watchglass.shutdown()
        watchglass.shutdown()
        """
    )
    assert (done.stdout, done.stderr) == ("8 [1] '' '' True\n", "")
