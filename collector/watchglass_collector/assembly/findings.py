"""From the skeletons of some traces to what is found out about their calls. Pure: no store, no clock."""

from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from watchglass_collector.assembly.forest import NONE, Bools, Forest, Ints, Texts, link
from watchglass_collector.assembly.pricing import PriceList, cost_usd
from watchglass_collector.assembly.usage import counted, input_tokens

_KEY: Final = ["trace_id", "span_id", "hour"]
_FOUND: Final = (
    "start_ns",
    "service_name",
    "environment",
    "operation_name",
    "provider_name",
    "model",
    "prompt_name",
    "prompt_version",
    "conversation_id",
    "user_id",
    "root_span_id",
    "depth",
    "is_orphan",
    "is_superseded",
    "usage_counted",
    "usage_input_tokens",
    "usage_output_tokens",
    "cost_usd",
    # A piece that comes again may cover what was merged into the call before.
    "last_ms",
)
_COLUMN_NAMES: Final = {"first_ms": "first_received_ms", "last_ms": "received_ms"}


def findings(
    spans: pd.DataFrame, known: pd.DataFrame, prices: PriceList, *, batch: int, now: datetime
) -> dict[str, Any]:
    """What is to be written about a batch of traces.

    Args:
        spans: all spans of these traces: `watchglass_store.queries.assembly.skeleton`.
        known: what earlier batches found out about them: `watchglass_store.queries.assembly.known`.
        prices: what models cost.
        batch: number of the batch.
        now: when it is written.

    Returns:
        Column of `llm_calls_assembled` -> values: each trace once without a span id, each call of which something is
        found out that was not known, and for those that were counted before, that they were.
    """
    calls = assembled(spans, prices)
    fresh, replaced = _differences(calls, known)
    traces = spans.groupby("trace_id", as_index=False, sort=True).agg(
        first_ms=("first_ms", "min"), last_ms=("last_ms", "max"), start_ns=("start_ns", "min")
    )
    parts = [
        traces.assign(sign=1, span_id="", hour=0),
        replaced[replaced["usage_counted"] == 1].assign(sign=-1),
        fresh.assign(sign=1),
    ]
    columns = ["sign", *_KEY, "first_ms", *_FOUND]
    absent: dict[str, Any] = {name: _nothing(name) for name in columns}
    parts = [part.reindex(columns=columns) for part in parts if len(part)]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    rows = rows.fillna({name: value for name, value in absent.items() if value is not None})
    return {
        "batch": np.full(len(rows), batch),
        "written_at": np.full(len(rows), int(now.timestamp())),
        **{_COLUMN_NAMES.get(name, name): _values(rows[name], absent[name]) for name in columns},
    }


def assembled(spans: pd.DataFrame, prices: PriceList) -> pd.DataFrame:
    """One row for each call, and one for each other hour under which a call with its id is stored.

    Args:
        spans: all spans of some traces, sorted by trace_id and span_id: the order in which they came plays no part.
        prices: what models cost.
    """
    traces, ids, parents = (_texts(spans[name]) for name in ("trace_id", "span_id", "parent_span_id"))
    keys, parent_keys = (spans[name].to_numpy(np.int64) for name in ("key", "parent_key"))
    parent = link(keys, parent_keys, traces, ids, parents)
    forest = Forest.grow(parent)
    tokens_in = input_tokens(spans)
    has_usage = (tokens_in >= 0) | (spans["usage_output_tokens"].to_numpy(np.int64) >= 0)
    found = spans.assign(
        model=np.where(spans["response_model"] != "", spans["response_model"], spans["request_model"]),
        conversation_id=_inherited(forest, _texts(spans["conversation_id"])),
        user_id=_inherited(forest, _texts(spans["user_id"])),
        root_span_id=ids[forest.top],
        depth=forest.depth,
        is_orphan=((parents != "") & (forest.parent == NONE)).astype(np.int64),
        is_superseded=0,
        usage_counted=counted(spans, forest, tokens_in).astype(np.int64),
        usage_input_tokens=tokens_in,
        cost_usd=np.where(has_usage, cost_usd(spans, tokens_in, prices), np.nan),
    )
    calls = found[found["is_call"] == 1]
    stored = calls["hours"].map(len).to_numpy(np.int64) if len(calls) else np.zeros(0, dtype=np.int64)
    if (stored <= 1).all():
        return calls
    return pd.concat([calls, _superseded(calls[stored > 1])], ignore_index=True)


def _superseded(calls: pd.DataFrame) -> pd.DataFrame:
    """What is stored of these calls under the hours of a start that no longer holds."""
    others = calls.assign(hour=calls["hours"].map(lambda hours: hours[1:])).explode("hour")
    return others.assign(hour=others["hour"].astype(np.int64), is_superseded=1, usage_counted=0)


def _differences(calls: pd.DataFrame, known: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Calls of which something else is known or nothing yet, and what was known of those."""
    if not len(known):
        return calls, known
    pairs = calls[[*_KEY, *_FOUND]].merge(known[[*_KEY, *_FOUND]], on=_KEY, how="left", suffixes=("", "_known"))
    is_same = pd.Series(True, index=pairs.index)
    for name in _FOUND:
        new, old = pairs[name], pairs[f"{name}_known"]
        is_same &= (new == old) | (new.isna() & old.isna())
    is_known = pairs["service_name_known"].notna()
    is_same &= is_known
    changed = pairs.loc[~is_same & is_known, _KEY]
    return calls[~is_same.to_numpy()], known.merge(changed, on=_KEY)


def _inherited(forest: Forest, values: Texts) -> Texts:
    """Each span's own value, else that of the nearest span above that has one."""
    has_own: Bools = values != ""
    source: Ints = forest.nearest(has_own)
    result: Texts = np.where(source == NONE, "", values[source])
    return result


def _texts(column: pd.Series) -> Texts:
    return column.to_numpy(object)


def _nothing(name: str) -> Any:
    """What stands in a column where a row has nothing to say; None = NaN."""
    if name == "cost_usd":
        return None
    if name in ("usage_input_tokens", "usage_output_tokens"):
        return -1
    is_number = (
        name in ("sign", "hour", "first_ms", "last_ms", "start_ns", "depth", "usage_counted") or name[:3] == "is_"
    )
    return 0 if is_number else ""


def _values(column: pd.Series, nothing: Any) -> Any:
    if nothing is None:
        return column.to_numpy(np.float64)
    return column.to_numpy(object).tolist() if nothing == "" else column.to_numpy(np.int64)
