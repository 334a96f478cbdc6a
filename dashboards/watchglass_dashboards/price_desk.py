"""What the Settings page needs to know about prices, from whoever knows it: as `rule_desk`, for the same reason."""

import os
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from watchglass_dashboards.rule_desk import load_desk
from watchglass_store import Store

#: Carries 'module:Class' to the dashboard's process; without it models are listed without the shipped prices.
PRICE_DESK_VARIABLE = "WATCHGLASS_DASHBOARD_PRICE_DESK"


class PriceDesk(Protocol):
    """The list that calls are priced with."""

    def in_force(
        self, store: Store, models: Sequence[tuple[str, str]], day: date
    ) -> Sequence[Mapping[str, Any] | None]:
        """The price of each (provider, model) on a day; None = it has none.

        Keys: input_usd, output_usd, cache_read_usd, cache_write_usd (for a million tokens, None = no price for such
        tokens), valid_from (None = since ever), is_own (set by a person here), source, tiers (prices by the number of
        input tokens; the lowest is shown).
        """
        ...


def price_desk() -> PriceDesk | None:
    """The desk that this process was told of; None where it was told of none."""
    target = os.environ.get(PRICE_DESK_VARIABLE, "")
    desk: PriceDesk | None = load_desk(target) if target else None
    return desk
