"""Prices as a page shows them: by the list that calls are priced with, with their day and their source."""

from datetime import date

from watchglass_collector.assembly.desk import Desk
from watchglass_store import Store
from watchglass_store.queries import prices

DAY = date(2026, 11, 20)
RATES = {"input_usd": 9.0, "output_usd": None, "cache_read_usd": None, "cache_write_usd": None}


def test_what_a_person_set_comes_before_the_shipped_price_from_its_day_on(store: Store) -> None:
    desk, asked = Desk(), [("openai", "gpt-4.1-mini"), ("who-knows", "my-model")]
    shipped, unknown = desk.in_force(store, asked, DAY)
    assert unknown is None
    assert shipped is not None
    assert (shipped["is_own"], shipped["valid_from"]) == (False, None)
    assert shipped["source"].startswith("genai-prices ")
    assert shipped["input_usd"] > 0
    prices.put(
        store, provider="", model="gpt-4.1-mini", valid_from=DAY, above_input_tokens=0, rates=RATES, author="ann"
    )
    before, _ = desk.in_force(store, asked, date(2026, 11, 19))
    own, _ = desk.in_force(store, asked, DAY)
    assert before == shipped
    assert own is not None
    assert (own["is_own"], own["source"], own["valid_from"], own["input_usd"]) == (True, "set here", DAY, 9.0)


def test_a_price_with_tiers_says_how_many(store: Store) -> None:
    (price,) = Desk().in_force(store, [("anthropic", "claude-sonnet-4-5")], DAY)
    assert price is not None
    assert price["tiers"] == 2
