import pytest

from watchglass_evaluators import bench


def test_the_numbers_agree_with_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "QUICK", (12, 1))
    rows = bench.run(quick=True)
    assert [row["name"] for row in rows] == ["rouge", "bleu", "profanity"]
    for row in rows:
        assert row.keys() == {"name", "calls_per_s", "library", "library_calls_per_s", "max_abs_difference"}
        assert row["max_abs_difference"] == 0
        assert row["calls_per_s"] > 0
        assert row["library_calls_per_s"] > 0
