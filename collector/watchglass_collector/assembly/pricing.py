"""What a call cost: from prices with a date, or not at all.

A model is found by its whole name, or by its name without the date at its end; a price is never guessed from a similar
name. Where a price does not cover a call (another provider sells it, tokens came from a cache that has no price, the
prompt is longer than the price is for) there is no cost.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from watchglass_collector.assembly.forest import Ints

Floats = npt.NDArray[np.float64]

_DATE = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|20\d{6})\Z")
_DAY_NS = 86_400 * 10**9
_MILLION = 1e6

# What clients call the sellers of models.
_SELLERS: Mapping[str, str] = {
    "gcp": "google",
    "gemini": "google",
    "google_genai": "google",
    "google_generativeai": "google",
    "vertexai": "google",
    "vertex_ai": "google",
    "mistral": "mistral",
    "mistralai": "mistral",
    "mistral_ai": "mistral",
    "x_ai": "xai",
}
# Others that sell models under their makers' names, at prices of their own.
_RESELLERS = frozenset({"aws", "azure", "az", "bedrock", "groq", "ibm", "openrouter", "together", "together_ai"})


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens of a model, from a day on."""

    provider: str
    """'' = whoever serves it."""
    model: str
    valid_from: date
    input_usd: float
    output_usd: float
    cache_read_usd: float | None = None
    cache_write_usd: float | None = None
    longest_input_tokens: int | None = None
    """The price is for calls of at most so many input tokens; None = any."""
    source: str = ""


@cache
def shipped() -> tuple[Price, ...]:
    """The prices that come with Watchglass. They are as of the date in the file, and each names its source."""
    text = (resources.files("watchglass_collector.assembly") / "prices" / "prices.json").read_text(encoding="utf-8")
    return tuple(
        Price(**{**row, "valid_from": date.fromisoformat(row["valid_from"])}) for row in json.loads(text)["prices"]
    )


class PriceList:
    """Prices by model, those that people entered before those that were shipped."""

    def __init__(self, own: Iterable[Price], others: Iterable[Price]) -> None:
        self._lists: list[dict[str, list[Price]]] = []
        for prices in (own, others):
            by_model: dict[str, list[Price]] = defaultdict(list)
            for price in sorted(prices, key=lambda price: price.valid_from):
                by_model[price.model.lower()].append(price)
            self._lists.append(by_model)
        sellers = {price.provider for by_model in self._lists for found in by_model.values() for price in found}
        self._sellers = frozenset(sellers - {""})

    def find(self, provider: str, models: Iterable[str], day: date) -> Price | None:
        """The price in force on a day, of the first of these models that has one; None = not known."""
        seller = provider.lower().split(".")[0].replace("-", "_")
        seller = _SELLERS.get(seller, seller)
        is_known = seller in self._sellers or seller in _RESELLERS
        for model in models:
            for name in dict.fromkeys((model.lower(), _DATE.sub("", model.lower()))):
                for by_model in self._lists:
                    valid = [
                        price
                        for price in by_model.get(name, [])
                        if price.valid_from <= day and (price.provider in ("", seller) or not is_known)
                    ]
                    if valid:
                        return valid[-1]
        return None


def cost_usd(frame: pd.DataFrame, tokens_in: Ints, prices: PriceList) -> Floats:
    """What each call cost, in US dollars; NaN = not known.

    Args:
        frame: calls with provider_name, request_model, response_model, start_ns and counts of tokens (-1 = not sent).
        tokens_in: their input tokens, those of the cache included; -1 = not sent.
        prices: to look up.
    """
    day = frame["start_ns"].to_numpy(np.int64) // _DAY_NS
    asked = frame[["provider_name", "response_model", "request_model"]].assign(day=day)
    number, different = _distinct(asked)
    found = [_price(prices, row) for row in different.itertuples(index=False)]
    columns = np.array([_columns(price) for price in found], dtype=np.float64).reshape(-1, 5)[number]
    per_input, per_output, per_read, per_write, longest = columns.T
    tokens_out = frame["usage_output_tokens"].to_numpy(np.int64).clip(0)
    read = frame["usage_cache_read_input_tokens"].to_numpy(np.int64).clip(0)
    written = frame["usage_cache_write_input_tokens"].to_numpy(np.int64).clip(0)
    plain = tokens_in.clip(0) - read - written
    cost = plain * per_input + tokens_out * per_output
    cost += np.where(read > 0, read * per_read, 0) + np.where(written > 0, written * per_write, 0)
    is_covered = (plain >= 0) & (tokens_in <= longest)
    return np.where(is_covered, cost / _MILLION, np.nan)


def _distinct(asked: pd.DataFrame) -> tuple[Ints, pd.DataFrame]:
    number: Ints = asked.groupby(list(asked.columns), sort=False, dropna=False).ngroup().to_numpy().astype(np.int64)
    return number, asked.drop_duplicates()


def _price(prices: PriceList, asked: Any) -> Price | None:
    models = [model for model in (asked.response_model, asked.request_model) if model]
    return prices.find(asked.provider_name, models, date.fromordinal(date(1970, 1, 1).toordinal() + int(asked.day)))


def _columns(price: Price | None) -> tuple[float, ...]:
    if price is None:
        return (np.nan,) * 5
    longest = np.inf if price.longest_input_tokens is None else price.longest_input_tokens
    return (
        price.input_usd,
        price.output_usd,
        np.nan if price.cache_read_usd is None else price.cache_read_usd,
        np.nan if price.cache_write_usd is None else price.cache_write_usd,
        longest,
    )
