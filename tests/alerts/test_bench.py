import pytest

from watchglass_alerts import bench
from watchglass_store import EmbeddedServer, Store, StoreConfig


def test_the_rules_are_valid_and_the_figures_have_their_shape(
    server: EmbeddedServer, store: Store, store_config: StoreConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the store of the tests, because chDB allows one to a process."""

    class Running:
        config = store_config

        def __init__(self, *_: object) -> None: ...

        def __enter__(self) -> "Running":
            return self

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(bench, "EmbeddedServer", Running)
    monkeypatch.setattr(bench, "QUICK_CALLS", 20_000)
    found = bench.run(quick=True, rules=[10, 40])
    assert [(row["rules"], row["calls"]) for row in found] == [(10, 20_000), (40, 20_000)]
    assert all(0 < row["slot_p95_s"] <= row["slot_max_s"] for row in found)
    (slots,) = store.query(
        "SELECT count() AS n, countIf(sample_size > 0) AS seen FROM alert_events WHERE kind = 'slot'"
    )
    assert slots["n"] >= 300
    assert slots["seen"] > slots["n"] / 2
    assert store.query("SELECT count() AS n FROM alert_events WHERE state = 'error'") == [{"n": 0}]
