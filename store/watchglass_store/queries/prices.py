"""Prices of models that people set."""

from datetime import date, datetime
from typing import Any

from watchglass_store.client import Store

RATES = ("input_usd", "output_usd", "cache_read_usd", "cache_write_usd")
"""US dollars for a million tokens."""


def current(store: Store) -> list[dict[str, Any]]:
    """The prices that hold: provider, model, valid_from, above_input_tokens and `RATES`."""
    rates = ", ".join(f"found.{place} AS {name}" for place, name in enumerate(RATES, start=1))
    return store.query(
        f"""
        SELECT provider, model, valid_from, toInt64(above_input_tokens) AS above_input_tokens, {rates}
        FROM (
            SELECT provider, model, valid_from, above_input_tokens,
                   argMax((p.input_usd, p.output_usd, p.cache_read_usd, p.cache_write_usd, p.deleted), p.version)
                       AS found
            FROM prices AS p GROUP BY provider, model, valid_from, above_input_tokens
        )
        WHERE found.5 = 0 ORDER BY model, provider, valid_from, above_input_tokens
        """
    )


def put(
    store: Store,
    *,
    provider: str,
    model: str,
    valid_from: date,
    above_input_tokens: int,
    rates: dict[str, float | None],
    author: str,
    deleted: bool = False,
) -> None:
    """Add a version of a price, and the line in the audit log.

    Args:
        store: where to.
        provider: as in `llm_calls`; '' = whoever serves the model.
        model: as in `llm_calls`.
        valid_from: the first day on which it holds.
        above_input_tokens: it is for calls with more input tokens than this.
        rates: `RATES` -> US dollars for a million tokens; None = no price.
        author: who sets it.
        deleted: take the price away instead.
    """
    import json

    key = {
        "provider": provider,
        "model": model,
        "valid_from": valid_from,
        "above_input_tokens": above_input_tokens,
    }
    before = [row for row in current(store) if all(row[name] == value for name, value in key.items())]
    row = {**key, **rates, "input_usd": rates["input_usd"] or 0.0, "deleted": int(deleted), "author": author}
    store.insert("prices", [row])
    store.insert(
        "audit_log",
        [
            {
                "actor": author,
                "action": "price.delete" if deleted else "price.set",
                "object": f"{provider or '*'}/{model} from {valid_from} above {above_input_tokens} tokens",
                "before": json.dumps({name: before[0][name] for name in RATES}) if before else "",
                "after": "" if deleted else json.dumps(rates),
            }
        ],
    )


def models_seen(store: Store, since: datetime, *, limit: int = 200) -> list[dict[str, Any]]:
    """Models of calls since a time, those with most calls without a price first.

    Rows: provider_name, model, n_calls, n_unpriced (calls whose usage counts and whose cost nobody knows), n_tokens,
    total_cost_usd (of those with a price), last_ms (Unix, the minute of the last call).
    """
    return store.query(
        """
        SELECT provider_name, model, toInt64(sum(calls)) AS n_calls, toInt64(sum(unpriced_calls)) AS n_unpriced,
               sum(input_tokens) + sum(output_tokens) AS n_tokens, sum(cost_usd) AS total_cost_usd,
               toInt64(toUnixTimestamp(max(minute))) * 1000 AS last_ms
        FROM llm_calls_1m
        WHERE minute >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') AND model != ''
              AND operation_name IN ('chat', 'text_completion', 'generate_content', 'embeddings')
        GROUP BY provider_name, model ORDER BY n_unpriced DESC, n_calls DESC, provider_name, model
        LIMIT {limit:UInt32}
        """,
        {"since_ms": round(since.timestamp() * 1000), "limit": limit},
    )
