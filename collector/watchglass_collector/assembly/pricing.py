"""What a call cost: from prices with a date, or not at all.

A model is found by its whole name, or by its name without the date at its end; a price is never guessed from a similar
name. Where a price does not cover a call (a seller who is not in the table, tokens from a cache without a price) there
is no cost.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from watchglass_collector.assembly.forest import Ints

    Floats = npt.NDArray[np.float64]

_DATE: Final = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|20\d{6})\Z")
_DAY_NS: Final = 86_400 * 10**9
_EPOCH: Final = date(1970, 1, 1).toordinal()
_MILLION: Final = 1e6
_ALWAYS: Final = date(1, 1, 1)

# Provider as `llm_calls` has it -> as the table has it. Others are looked for under their own name.
_SELLERS: Final[Mapping[str, str]] = {
    "aws.bedrock": "aws",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "together_ai": "together",
    "x_ai": "x-ai",
}
# Those that make what they sell: where a client names no seller, their price is the one that is meant.
_MAKERS: Final = ("openai", "anthropic", "google", "mistral", "cohere", "deepseek", "perplexity", "voyageai", "x-ai")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens of a model, from a day on; None = no price for tokens of that kind."""

    provider: str
    """As in `llm_calls.provider_name`, or as in the shipped table; '' = whoever serves it."""
    model: str
    valid_from: date
    input_usd: float
    output_usd: float | None = None
    cache_read_usd: float | None = None
    cache_write_usd: float | None = None
    above_input_tokens: int = 0
    """The price is for calls with more input tokens than this, and then for all of their tokens."""


@cache
def shipped() -> tuple[Price, ...]:
    """The prices that come with Watchglass; `prices/SOURCE` says from where."""
    folder = resources.files("watchglass_collector.assembly") / "prices"
    with (folder / "prices.csv").open(encoding="utf-8") as file:
        return tuple(
            Price(
                provider=row["provider"],
                model=row["model"],
                valid_from=date.fromisoformat(row["valid_from"]) if row["valid_from"] else _ALWAYS,
                input_usd=float(row["input"]),
                output_usd=_optional(row["output"]),
                cache_read_usd=_optional(row["cache_read"]),
                cache_write_usd=_optional(row["cache_write"]),
                above_input_tokens=int(row["above_input_tokens"]),
            )
            for row in csv.DictReader(file)
        )


def _optional(text: str) -> float | None:
    return float(text) if text else None


class PriceList:
    """Prices by model, those that people entered before those that were shipped."""

    def __init__(self, own: Iterable[Price], others: Iterable[Price]) -> None:
        self._own = _by_model(own)
        self._others = _by_model(others)
        self._sellers = frozenset(price.provider for found in self._others.values() for price in found)

    def find(self, provider: str, models: Iterable[str], day: date) -> list[Price]:
        """The prices in force on a day, of the first of these models that has any: one for each tier, lowest first.

        Args:
            provider: `llm_calls.provider_name`.
            models: names to try.
            day: of the call, UTC.
        """
        seller = _SELLERS.get(provider.lower(), provider.lower())
        for model in models:
            for name in dict.fromkeys((model.lower(), _DATE.sub("", model.lower()))):
                for prices in (
                    [p for p in self._own.get(name, []) if _SELLERS.get(p.provider, p.provider) in ("", seller)],
                    self._sold_by(seller, name),
                ):
                    valid = [price for price in prices if price.valid_from <= day]
                    if valid:
                        latest = max(price.valid_from for price in valid)
                        return [price for price in valid if price.valid_from == latest]
        return []

    def _sold_by(self, seller: str, name: str) -> list[Price]:
        prices = self._others.get(name, [])
        if seller in self._sellers:
            return [price for price in prices if price.provider == seller]
        # A framework's name, or none. A reseller that the table lacks has prices of its own: nobody knows them.
        if seller in _FRAMEWORKS:
            made_by = {price.provider for price in prices} & set(_MAKERS)
            return [price for price in prices if price.provider in made_by] if len(made_by) == 1 else []
        return []


_FRAMEWORKS: Final = frozenset({"", "langchain", "langgraph", "llamaindex", "litellm", "pydantic_ai", "watchglass"})
"""What clients send as a provider that is none."""


def _by_model(prices: Iterable[Price]) -> dict[str, list[Price]]:
    found: dict[str, list[Price]] = defaultdict(list)
    for price in sorted(prices, key=lambda price: (price.valid_from, price.above_input_tokens)):
        found[price.model.lower()].append(price)
    return found


def cost_usd(frame: pd.DataFrame, tokens_in: Ints, prices: PriceList) -> Floats:
    """What each call cost, in US dollars; NaN = not known.

    Args:
        frame: calls with provider_name, request_model, response_model, start_ns and counts of tokens (-1 = not sent).
        tokens_in: their input tokens, those of the cache included; -1 = not sent.
        prices: to look up.
    """
    import numpy as np

    tokens = np.stack(
        [
            tokens_in.clip(0),
            frame["usage_output_tokens"].to_numpy(np.int64).clip(0),
            frame["usage_cache_read_input_tokens"].to_numpy(np.int64).clip(0),
            frame["usage_cache_write_input_tokens"].to_numpy(np.int64).clip(0),
        ]
    )
    result = np.full(len(frame), np.nan)
    asked = frame[["provider_name", "response_model", "request_model"]].assign(day=frame["start_ns"] // _DAY_NS)
    groups: Any = asked.groupby(list(asked.columns), sort=False).indices
    for (provider, answered, requested, day), rows in groups.items():
        when = date.fromordinal(min(max(_EPOCH + int(day), 1), date.max.toordinal()))
        found = prices.find(provider, [model for model in (answered, requested) if model], when)
        if found:
            result[rows] = _cost(found, tokens[:, rows])
    return result


def _cost(tiers: Sequence[Price], tokens: Ints) -> Floats:
    import numpy as np

    total, output, read, written = tokens
    cost = np.full(len(total), np.nan)
    for tier in tiers:
        rates = [
            np.nan if rate is None else rate
            for rate in (tier.input_usd, tier.output_usd, tier.cache_read_usd, tier.cache_write_usd)
        ]
        plain = total - read - written
        kinds = zip((plain, output, read, written), rates, strict=True)
        at_this = sum((np.where(count > 0, count * rate, 0.0) for count, rate in kinds), np.zeros(len(total)))
        is_reached = (total > tier.above_input_tokens) | (tier.above_input_tokens == 0)
        cost = np.where(is_reached & (plain >= 0), at_this, cost)
    return cost / _MILLION
