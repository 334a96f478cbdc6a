"""Prices for whoever shows them outside this part: what a model costs by the very list that calls are priced with.

The dashboard's Settings page works with this through the protocol `price_desk.PriceDesk` of its own, in plain data.
"""

import re
from collections.abc import Sequence
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from watchglass_collector.assembly.pricing import Price, PriceList, shipped
from watchglass_store import Store
from watchglass_store.queries import prices as queries


class Desk:
    """Everything that a page asks about prices."""

    def in_force(self, store: Store, models: Sequence[tuple[str, str]], day: date) -> list[dict[str, Any] | None]:
        """The price of each (provider, model) on a day, its lowest tier; None = it has none.

        Keys: input_usd, output_usd, cache_read_usd, cache_write_usd (for a million tokens, None = no price for such
        tokens), valid_from (None = since ever), is_own, source, tiers (how many).
        """
        own = [Price(**row) for row in queries.current(store)]
        prices, mine = PriceList(own, shipped()), frozenset(own)
        return [_shown(prices.find(provider, [model], day), mine) for provider, model in models]


def _shown(tiers: Sequence[Price], own: frozenset[Price]) -> dict[str, Any] | None:
    if not tiers:
        return None
    first = tiers[0]
    is_own = first in own
    return {
        "input_usd": first.input_usd,
        "output_usd": first.output_usd,
        "cache_read_usd": first.cache_read_usd,
        "cache_write_usd": first.cache_write_usd,
        "valid_from": first.valid_from if first.valid_from > date(1, 1, 1) else None,
        "is_own": is_own,
        "source": "set here" if is_own else _source(),
        "tiers": len(tiers),
    }


@cache
def _source() -> str:
    """Where the shipped prices come from: 'genai-prices 0.2.3'."""
    text = (resources.files("watchglass_collector.assembly") / "prices" / "SOURCE").read_text(encoding="utf-8")
    found = re.search(r"from (\S+ \S+)", text)
    return found[1] if found else "shipped"
