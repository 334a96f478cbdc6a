import pytest

from watchglass_evaluators import bench, registry


def test_the_numbers_agree_with_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "QUICK", (8, 1))
    rows = {row["name"]: row for row in bench.run(quick=True)}
    assert rows.keys() >= bench.LIBRARIES.keys()
    assert rows.keys() <= registry.BUILTIN.keys()
    for name, row in rows.items():
        assert row.keys() == {"name", "calls_per_s", "library", "library_calls_per_s", "max_abs_difference"}
        assert row["calls_per_s"] > 0
        if name in bench.LIBRARIES:
            assert row["library_calls_per_s"] > 0
            assert row["max_abs_difference"] == 0
        else:
            assert (row["library"], row["library_calls_per_s"], row["max_abs_difference"]) == (None, None, None)
