"""Where settings come from, and what happens to bad ones."""

from __future__ import annotations

from typing import Any

import pytest

from watchglass._internal.settings import CAPTURE_VARIABLE, TABLE, resolve


@pytest.mark.parametrize(
    ("name", "argument", "variable", "standard_name", "standard", "expected"),
    [
        ("endpoint", "http://a:1/", "http://b:2", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:3/v1/traces",
         ("http://a:1", "http://b:2", "http://c:3")),
        ("service_name", "a", "b", "OTEL_SERVICE_NAME", "c", ("a", "b", "c")),
        ("headers", {"a": "1"}, "b=2%203, c = 4", "OTEL_EXPORTER_OTLP_HEADERS", "d=5",
         ({"a": "1"}, {"b": "2 3", "c": "4"}, {"d": "5"})),
        ("capture_content", True, "off", CAPTURE_VARIABLE, "NO_CONTENT", (True, False, False)),
        ("capture_content", False, "on", CAPTURE_VARIABLE, "event_only", (False, True, True)),
        ("enabled", True, "false", "OTEL_SDK_DISABLED", "true", (True, False, False)),
        ("flush_interval_s", 3, "2.5", "OTEL_BSP_SCHEDULE_DELAY", "1500", (3.0, 2.5, 1.5)),
        ("timeout_s", 3, "2.5", "OTEL_EXPORTER_OTLP_TIMEOUT", "4", (3.0, 2.5, 4.0)),
        ("queue_size", 3, "2", "OTEL_BSP_MAX_QUEUE_SIZE", "4", (3, 2, 4)),
        ("batch_size", 3, "2", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4", (3, 2, 4)),
        ("compression", "none", "GZIP", "OTEL_EXPORTER_OTLP_COMPRESSION", "none", ("none", "gzip", "none")),
        ("certificate", "a", "b", "OTEL_EXPORTER_OTLP_CERTIFICATE", "c", ("a", "b", "c")),
        ("client_certificate", "a", "b", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "c", ("a", "b", "c")),
        ("client_key", "a", "b", "OTEL_EXPORTER_OTLP_CLIENT_KEY", "c", ("a", "b", "c")),
    ],
)  # fmt: skip
def test_argument_before_own_variable_before_standard_variable_before_default(
    name: str, argument: Any, variable: str, standard_name: str, standard: str, expected: tuple[Any, Any, Any]
) -> None:
    environ = {f"WATCHGLASS_{name.upper()}": variable, standard_name: standard}
    assert getattr(resolve({name: argument}, environ), name) == expected[0]
    assert getattr(resolve({}, environ), name) == expected[1]
    assert getattr(resolve({}, {standard_name: standard}), name) == expected[2]
    assert getattr(resolve({}, {}), name) == next(row.default for row in TABLE if row.name == name)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), ("false", False), ("OpenAI, anthropic", ("openai", "anthropic")), (["openai"], ("openai",))],
)
def test_instrument_takes_a_switch_or_names(value: Any, expected: Any) -> None:
    assert resolve({"instrument": value}, {}).instrument == expected


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("endpoint", ["", "localhost:4318", "ftp://a", "http://", "http://a:99999", 3, object()]),
        ("headers", ["a\nb=c", {"a": "b\r\nc: d"}, {"a b": "c"}, {"a": 3}, {"": "x"}, 3, {"ü": "x"}]),
        ("timeout_s", ["abc", 0, -1, float("nan"), float("inf"), [1]]),
        ("queue_size", ["abc", 0, -1, float("nan"), "1.5", [1]]),
        ("capture_content", ["maybe", 3, []]),
        ("compression", ["zip", 3]),
        ("service_name", [3, b"x"]),
    ],
)
def test_a_bad_value_is_reported_and_the_next_source_taken(
    name: str, values: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    default = getattr(resolve({}, {}), name)
    for value in values:
        caplog.clear()
        assert getattr(resolve({name: value}, {}), name) == default
        (record,) = caplog.records
        assert record.message.startswith(f"watchglass ignores {name}=")
        assert "allowed is" in record.message


def test_a_secret_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    resolve({"headers": "authorization=hunter2\x00"}, {"WATCHGLASS_HEADERS": "a=hunter2\nb"})
    assert len(caplog.records) == 2
    assert "hunter2" not in caplog.text


def test_an_endpoint_for_grpc_is_left_alone() -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    assert resolve({}, environ).endpoint == "http://127.0.0.1:4318"


def test_an_empty_variable_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert resolve({}, {"WATCHGLASS_TIMEOUT_S": "", "OTEL_EXPORTER_OTLP_TIMEOUT": ""}).timeout_s == 10
    assert caplog.records == []
