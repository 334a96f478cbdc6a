"""Writes the price table that ships with the collector, from the PyPI package `genai-prices` (Pydantic, MIT licence).

    python -m pip install --target /tmp/genai-prices --no-deps genai-prices
    PYTHONPATH=/tmp/genai-prices python tools/make_prices.py

Taken over are prices for text tokens with the day they began, under names that the package spells out; prices that
depend on the time of day are left out, as are models of speech and pictures: no cost is better than one that was
guessed. Needs nothing of `genai-prices` but its data.
"""

import csv
import importlib
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

TARGET = Path(__file__).parents[1] / "collector" / "watchglass_collector" / "assembly" / "prices"
COLUMNS = ("provider", "model", "valid_from", "above_input_tokens", "input", "output", "cache_read", "cache_write")
_NOT_TEXT = ("audio", "image", "realtime", "speech", "transcribe", "tts", "video")
_KINDS = ("input", "output", "cache_read", "cache_write")


def main() -> None:
    """Write prices.csv and its source."""
    sys.modules.setdefault("httpx2", ModuleType("httpx2"))  # only its updater needs it
    data = importlib.import_module("genai_prices.data")
    rows = sorted({row for provider in data.providers for row in _rows(provider)})
    with (TARGET / "prices.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    version = metadata.version("genai-prices")
    licence = next(path for path in metadata.files("genai-prices") or [] if path.name == "LICENSE").read_text()
    (TARGET / "SOURCE").write_text(
        f"prices.csv: US dollars for a million tokens. Made by tools/make_prices.py from genai-prices {version}\n"
        f"(https://pypi.org/project/genai-prices/), which has this licence:\n\n{licence}",
        encoding="utf-8",
    )


def _rows(provider: Any) -> Iterator[tuple[str, ...]]:
    for model in provider.models:
        prices = model.prices if isinstance(model.prices, list) else [None]
        constraints = {type(one.constraint).__name__ for one in prices if one is not None}
        if constraints - {"NoneType", "StartDateConstraint"} or any(word in model.id for word in _NOT_TEXT):
            continue
        for name in _names(provider, model):
            for one in prices:
                begin = getattr(one and one.constraint, "start_date", None)
                table = model.prices if one is None else one.prices
                for above, values in _tiers(table):
                    yield (provider.id, name, begin.isoformat() if begin else "", str(above), *values)


def _names(provider: Any, model: Any) -> list[str]:
    """Names that are this model's and no other's."""
    spelled = {model.id.lower(), *_literals(model.match)}
    return sorted(name for name in spelled if name and provider.find_model(name) is model)


def _literals(clause: Any) -> Iterator[str]:
    for part in getattr(clause, "or_", ()) or getattr(clause, "and_", ()):
        yield from _literals(part)
    for attribute in ("equals", "starts_with"):
        if hasattr(clause, attribute):
            yield getattr(clause, attribute).lower()


def _tiers(table: Any) -> Iterator[tuple[int, list[str]]]:
    """Smallest number of input tokens beyond which prices hold, and the prices."""
    found = {kind: getattr(table, f"{kind}_mtok", None) for kind in _KINDS}
    starts = {0} | {tier.start for price in found.values() for tier in getattr(price, "tiers", ())}
    for start in sorted(starts):
        values = [_at(price, start) for price in found.values()]
        if values[0]:
            yield start, values


def _at(price: Any, start: int) -> str:
    if price is None:
        return ""
    if not hasattr(price, "tiers"):
        return f"{price:f}"
    reached = [tier for tier in price.tiers if tier.start <= start]
    return f"{reached[-1].price if reached else price.base:f}"


if __name__ == "__main__":
    main()
