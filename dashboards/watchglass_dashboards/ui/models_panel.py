"""The models that are seen, what each costs by which price, and which calls have none."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from watchglass_dashboards import connection
from watchglass_dashboards.data import read
from watchglass_dashboards.price_desk import price_desk
from watchglass_dashboards.ui import format
from watchglass_dashboards.ui.layout import card, nothing
from watchglass_dashboards.ui.text import one_line
from watchglass_store.queries import prices

DAYS = 30


def models_panel() -> tuple[str, str] | None:
    """Draw the catalogue; returns the (provider, model) of the row that is chosen."""
    # To the hour, so that ten people who look in it ask the store once.
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    seen = read(prices.models_seen, now - timedelta(days=DAYS))
    if not seen:
        nothing("No call to a model in the last 30 days.")
        return None
    found = _prices([(row["provider_name"], row["model"]) for row in seen])
    rows = [_row(row, price) for row, price in zip(seen, found, strict=True)]
    missing, calls = sum(row["n_unpriced"] for row in seen), sum(row["n_calls"] for row in seen)
    about = "of the last 30 days, with the price in force today, USD for a million tokens"
    with card("Models", about, rows=rows, key="models"):
        if missing:
            st.warning(
                f"{format.count(missing)} of {format.count(calls)} calls have no price: their cost is missing from "
                "every sum. Choose the model below and set one.",
                icon=":material/money_off:",
            )
        else:
            st.caption("Every call whose usage counts has a price.")
        picked = _table(rows)
    return (seen[picked]["provider_name"], seen[picked]["model"]) if picked is not None else None


def _prices(models: Sequence[tuple[str, str]]) -> Sequence[Mapping[str, Any] | None]:
    desk = price_desk()
    return desk.in_force(connection.reader(), models, datetime.now(UTC).date()) if desk else [None] * len(models)


def _row(seen: Mapping[str, Any], price: Mapping[str, Any] | None) -> dict[str, Any]:
    priced = seen["n_calls"] - seen["n_unpriced"]
    source = price["source"] if price else "no price" if seen["n_unpriced"] else None
    if price is None and priced > 0 and seen["total_cost_usd"]:
        source = "by the requested name, or sent"
    elif price and price["tiers"] > 1:
        source = f"{source}, lowest of {price['tiers']}"
    return {
        "model": one_line(seen["model"], 100),
        "provider": one_line(seen["provider_name"], 60) or None,
        "calls": seen["n_calls"],
        "unpriced": seen["n_unpriced"] or None,
        "tokens": seen["n_tokens"],
        "cost": seen["total_cost_usd"] if priced > 0 else None,
        "input": price["input_usd"] if price else None,
        "output": price["output_usd"] if price else None,
        "cache": price["cache_read_usd"] if price else None,
        "since": price["valid_from"] if price else None,
        "source": one_line(source, 100) if source else None,
        "last": datetime.fromtimestamp(seen["last_ms"] / 1000, UTC),
    }


def _table(rows: list[dict[str, Any]]) -> int | None:
    config = st.column_config
    chosen = st.dataframe(rows, hide_index=True, placeholder=format.GAP, key="table_models", on_select="rerun",
        selection_mode="single-row", height=min(420, 39 + 35 * len(rows)), column_config={
            "model": config.TextColumn("Model", pinned=True, width=155),
            "provider": config.TextColumn("Provider", width=85),
            "calls": config.NumberColumn("Calls", format="localized", width=60),
            "unpriced": config.NumberColumn("No price", format="localized", width=70),
            "tokens": config.NumberColumn("Tokens", format="compact", width=65),
            "cost": config.NumberColumn("Cost", format="$%.2f", width=70),
            "input": config.NumberColumn("Input", format="$%.4g", width=65),
            "output": config.NumberColumn("Output", format="$%.4g", width=65),
            "cache": config.NumberColumn("Cache read", format="$%.4g", width=80),
            "since": config.DateColumn("Price from", format="D MMM YYYY", width=95),
            "source": config.TextColumn("Source of the price", width=185),
            "last": config.DatetimeColumn("Last call", format="distance", width=105),
        })  # fmt: skip
    picked = chosen.selection.rows
    return picked[0] if picked and picked[0] < len(rows) else None
