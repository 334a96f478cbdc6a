"""Settings of monitors, descriptors, hours, and the corpus of the benchmark."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pydantic import ValidationError

from watchglass_evaluators import EvaluatorsConfig
from watchglass_evaluators.drift import Monitor, bench, corpus, descriptors
from watchglass_evaluators.drift.monitors import window_ends
from watchglass_evaluators.drift.samples import Item, hour_of_week, hours_of_week
from watchglass_evaluators.drift.stream import strata_for, strata_of

NOON = datetime(2026, 1, 7, 12, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "a b"}, "name = 'a b': letters"),
        ({"target": "answer"}, "target = 'answer' must be prompt_text, response_text or score:NAME"),
        ({"minimum": 500, "sample": 400}, "minimum = 500 must not be more than sample = 400"),
        ({"engine": "live", "method": "psi"}, "method = psi needs engine = window"),
        ({"alpha": 0.001, "permutations": 199}, "alpha = 0.001 cannot be reached with permutations = 199"),
        ({"reference": {"start": NOON, "end": NOON}}, "must be after start"),
    ],
)
def test_a_wrong_setting_says_which_and_why(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Monitor.model_validate({"name": "m", **settings})


def test_names_are_distinct() -> None:
    with pytest.raises(ValidationError, match="monitors: more than one is named m"):
        EvaluatorsConfig.model_validate({"monitors": [{"name": "m"}, {"name": "m"}]})


def test_a_version_is_the_settings() -> None:
    assert Monitor(name="a").version == Monitor(name="b", every_s=5).version
    assert Monitor(name="a").version != Monitor(name="a", alpha=0.02).version


def test_windows_lie_side_by_side_and_old_ones_are_left_out() -> None:
    def ends(last: datetime | None) -> list[datetime]:
        return window_ends(NOON + timedelta(minutes=3), 3600, 5, last, at_most=4)

    assert ends(None) == [NOON]
    assert ends(NOON) == []
    assert ends(NOON - timedelta(hours=2)) == [NOON - timedelta(hours=1), NOON]
    assert ends(NOON - timedelta(days=9))[0] == NOON - timedelta(hours=3)
    assert window_ends(NOON + timedelta(seconds=4), 3600, 5, NOON - timedelta(hours=1), at_most=4) == []


def test_hours_of_the_week() -> None:
    assert hour_of_week(NOON) == 60
    assert hours_of_week(NOON, NOON + timedelta(hours=2)) == [60, 61]
    assert len(hours_of_week(NOON, NOON + timedelta(days=1))) == 24
    assert hours_of_week(NOON, NOON + timedelta(days=7)) == []
    sunday = datetime(2026, 1, 11, 23, 30, tzinfo=UTC)
    assert hours_of_week(sunday, sunday + timedelta(hours=1)) == [0, 167]


def test_the_week_is_divided_as_finely_as_the_data_allow() -> None:
    def items(count: int, days: float) -> list[Item]:
        return [Item(("", "", ""), NOON + timedelta(days=days * k / count), "", "", "") for k in range(count)]

    assert strata_for(items(8000, 3)) == 1
    assert strata_for(items(8000, 7)) == 168
    assert strata_for(items(2000, 7)) == 42
    assert strata_for(items(300, 14)) == 7
    assert strata_for([]) == 1
    assert set(strata_of(items(500, 7), 42)) == set(range(42))


def test_descriptors() -> None:
    rows = descriptors.describe(["Hello WORLD, 42 words. Fine!", "", "日本語。はい。", "fuck you"])
    first = dict(zip(descriptors.NAMES, rows[0].tolist(), strict=True))
    assert first["chars"] == 28
    assert first["words"] == 5
    assert first["digit_share"] == pytest.approx(2 / 28)
    assert first["upper_share"] == pytest.approx(7 / 28)
    assert first["punctuation_share"] == pytest.approx(3 / 28)
    assert first["sentences"] == 2
    assert np.isfinite(rows).all()
    assert rows[2, descriptors.NAMES.index("non_ascii_share")] == 1
    assert rows[2, descriptors.NAMES.index("sentences")] == 2
    assert rows[3, -1] > 0.9
    assert descriptors.describe([]).shape == (0, len(descriptors.NAMES))


def test_the_benchmark_on_a_small_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "BASE_TOPICS", ("click", "pydantic"))
    monkeypatch.setattr(corpus, "NEW_TOPIC", "sacrebleu")
    texts = {topic: corpus.passages(topic, limit=250) for topic in ("click", "pydantic", "sacrebleu")}
    assert all(len(found) > 20 for found in texts.values())
    assert texts["click"] == corpus.passages("click", limit=250)
    base = [*texts["click"], *texts["pydantic"]]
    sources = {"base": bench.Pool.of(base), "topic": bench.Pool.of(texts["sacrebleu"])}
    sources["short"] = bench.Pool.of([corpus.shortened(text) for text in base])
    found = bench.power(sources, m=120, n=80, runs={"null": 4, "shorter 30 %": 4}, permutations=99)
    assert found[bench.WORDS]["null"] <= 0.75
    assert found[bench.WORDS]["shorter 30 %"] >= 0.25
    assert f"| {bench.WORDS} |" in bench.markdown(found, bench.STUDY[1000])
