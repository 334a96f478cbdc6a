"""Prices by name and day; what is not known has none."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from watchglass_collector.assembly.pricing import Price, PriceList, cost_usd, shipped

DAY = date(2026, 11, 20)
DAY_NS = (DAY.toordinal() - date(1970, 1, 1).toordinal()) * 86_400 * 10**9


def price(model: str, input_usd: float, since: date = date(2024, 1, 1), provider: str = "openai") -> Price:
    return Price(provider, model, since, input_usd, input_usd)


PRICES = PriceList(
    [price("gpt-4o", 7, date(2026, 2, 1), provider=""), price("house-model", 1, provider="my-proxy")],
    [price("gpt-4o", 5), price("gpt-4o", 2.5, date(2024, 10, 2)), price("gpt-4o-2024-05-13", 5), price("o3", 2)],
)


def found(*models: str, provider: str = "openai", day: date = DAY, prices: PriceList = PRICES) -> float | None:
    tiers = prices.find(provider, models, day)
    return tiers[0].input_usd if tiers else None


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
    assert found("o3", provider="") == found("o3", provider="langchain") == 2
    assert found("o3", provider="azure.ai.openai") is found("o3", provider="my-proxy") is None
    assert found("gpt-4o", provider="azure.ai.openai") == 7
    assert found("house-model", provider="my-proxy") == 1
    assert found("house-model", provider="openai") is None


def test_shipped_prices_are_plausible() -> None:
    assert len(shipped()) > 1000
    assert {price.provider for price in shipped()} >= {"openai", "anthropic", "google", "mistral", "aws", "azure"}
    for price in shipped():
        assert 0 <= price.input_usd <= 1000, price
    keys = [(price.provider, price.model, price.valid_from, price.above_input_tokens) for price in shipped()]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("provider", "model", "dollars"),
    [
        ("anthropic", "claude-sonnet-4-5-20250929", 3),
        ("gcp.gemini", "gemini-2.5-flash", 0.3),
        ("openai", "gpt-5", 1.25),
        ("openai", "gpt-4o-mini-2024-07-18", 0.15),
    ],
)
def test_well_known_models(provider: str, model: str, dollars: float) -> None:
    assert found(model, provider=provider, prices=PriceList([], shipped())) == dollars


def cost(tokens_in: int, tokens_out: int = 0, read: int = 0, written: int = 0) -> float:
    tiers = [
        Price("", "m", date(2024, 1, 1), 1.0, 10.0, cache_read_usd=0.1),
        Price("", "m", date(2024, 1, 1), 2.0, 20.0, cache_read_usd=0.2, above_input_tokens=1000),
    ]
    frame = pd.DataFrame(
        [
            {
                "provider_name": "openai",
                "request_model": "m",
                "response_model": "m-2026-01-01",
                "start_ns": DAY_NS,
                "usage_output_tokens": tokens_out,
                "usage_cache_read_input_tokens": read,
                "usage_cache_write_input_tokens": written,
            }
        ]
    )
    return float(cost_usd(frame, np.array([tokens_in]), PriceList(tiers, []))[0] * 1e6)


def test_a_tier_is_for_all_tokens_of_a_longer_prompt() -> None:
    assert cost(1000, 1) == 1010
    assert cost(1001, 1) == 2022
    assert cost(1000, 1, read=400) == 650


def test_tokens_without_a_price_have_no_cost() -> None:
    assert np.isnan(cost(100, written=1))
    assert np.isnan(cost(100, read=101)), "more from the cache than there is"
