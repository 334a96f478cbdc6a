"""Prices by name and day; what is not known has none."""

from datetime import date

import pytest

from watchglass_collector.assembly.pricing import Price, PriceList, shipped

DAY = date(2026, 6, 30)


def price(model: str, input_usd: float, since: date = date(2024, 1, 1), provider: str = "openai") -> Price:
    return Price(provider, model, since, input_usd, input_usd)


PRICES = PriceList(
    [price("gpt-4o", 7, date(2026, 2, 1), provider="")],
    [price("gpt-4o", 5), price("gpt-4o", 2.5, date(2024, 10, 2)), price("gpt-4o-2024-05-13", 5), price("o3", 2)],
)


def found(*models: str, provider: str = "openai", day: date = DAY) -> float | None:
    price = PRICES.find(provider, models, day)
    return price.input_usd if price else None


def test_whole_names_or_names_without_their_date() -> None:
    assert found("o3") == found("o3-2025-04-16") == found("O3-20250416") == 2
    assert found("gpt-4o-2024-05-13") == 5
    for other in ("o3-mini", "o3-pro", "o", "gpt-4o-audio-preview", "ft:gpt-4o:acme", "", "o3-latest"):
        assert found(other) is None, other
    assert found("who-knows", "o3") == 2


def test_the_price_of_the_day_and_the_persons_before_ours() -> None:
    assert found("gpt-4o", day=date(2024, 6, 1)) == 5
    assert found("gpt-4o", day=date(2025, 6, 1)) == 2.5
    assert found("gpt-4o", day=DAY) == 7
    assert found("gpt-4o", day=date(2023, 6, 1)) is None


def test_somebody_else_who_sells_it_has_prices_of_their_own() -> None:
    assert (
        found("o3", provider="openai.responses") == found("o3", provider="") == found("o3", provider="langchain") == 2
    )
    assert found("o3", provider="azure.ai.openai") is None
    assert found("gpt-4o", provider="azure.ai.openai") == 7


def test_shipped_prices_are_dated_sourced_and_plausible() -> None:
    assert len(shipped()) > 50
    assert {price.provider for price in shipped()} >= {"openai", "anthropic", "google", "mistral"}
    for price in shipped():
        assert price.source.startswith("https://"), price
        assert date(2023, 1, 1) <= price.valid_from <= DAY, price
        assert 0 < price.input_usd <= 150, price
        assert price.cache_read_usd is None or price.cache_read_usd < price.input_usd, price
    names = [(price.provider, price.model, price.valid_from) for price in shipped()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("provider", "model", "dollars"),
    [
        ("anthropic", "claude-sonnet-4-5-20250929", 3),
        ("gcp.gemini", "gemini-2.5-flash", 0.3),
        ("openai", "gpt-5", 1.25),
    ],
)
def test_well_known_models(provider: str, model: str, dollars: float) -> None:
    known = PriceList([], shipped()).find(provider, [model], DAY)
    assert known is not None
    assert known.input_usd == dollars
