"""A clock that tests set, rules and calls to put into the store, and a TLS certificate made on the spot."""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from watchglass_alerts.rules import Rule
from watchglass_alerts.rules_file import parse_rule
from watchglass_store import Store

# Lately, because the tables let go of what is old.
T0 = (datetime.now(UTC) - timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)


@dataclass
class Clock:
    """Time that stands still until it is moved."""

    now: datetime = T0

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_rule() -> Callable[..., Rule]:
    """make_rule(**fields) -> a valid rule on the error rate, with fields replaced."""

    def make(**fields: Any) -> Rule:
        definition: dict[str, Any] = {
            "name": "errors",
            "metric": "error_rate",
            "window": "1m",
            "interval": "1m",
            "condition": {"op": ">", "threshold": 0.2},
            "min_sample_size": 10,
            "channels": ["ops"],
        }
        return parse_rule({key: value for key, value in (definition | fields).items() if value is not None})

    return make


@pytest.fixture
def make_calls() -> Callable[..., list[Mapping[str, Any]]]:
    """make_calls(start, count, errors=0, **columns) -> rows of calls one tenth of a second apart."""
    serial = iter(range(10**9))

    def make(start: datetime, count: int, *, errors: int = 0, **columns: Any) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        for index in range(count):
            time = start + timedelta(seconds=index / 10)
            identity = f"{next(serial):032x}"
            row = {
                "trace_id": identity,
                "span_id": identity[16:],
                "received_at": time,
                "start_time": time,
                "duration_s": 1.0,
                "operation_name": "chat",
                "service_name": "shop",
                "response_model": "m1",
                "usage_counted": 1,
                "error_type": "timeout" if index < errors else None,
            }
            rows.append(row | columns)
        return rows

    return make


@pytest.fixture
def add_calls(store: Store, make_calls: Callable[..., list[Mapping[str, Any]]]) -> Callable[..., None]:
    """add_calls(start, count, errors=0, **columns): stores what `make_calls` makes."""

    def add(start: datetime, count: int, **more: Any) -> None:
        store.insert("llm_call_parts", make_calls(start, count, **more))

    return add


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    key: Path


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A self-signed certificate for localhost and 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", str(made.key), "-out", str(made.certificate), "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs the openssl command to make a certificate")
    return made
