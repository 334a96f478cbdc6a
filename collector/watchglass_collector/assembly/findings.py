"""From the skeletons of some traces to what is found out about their calls. Pure: no store, no clock."""

from typing import Any, Final

import numpy as np
import pandas as pd

from watchglass_collector.assembly.forest import NONE, Bools, Forest, Ints, Texts, link
from watchglass_collector.assembly.pricing import PriceList, cost_usd
from watchglass_collector.assembly.usage import counted, input_tokens
from watchglass_store.queries.assembly import FOUND

_KEY: Final = ["trace_id", "span_id", "project", "hour"]


def assembled(spans: pd.DataFrame, prices: PriceList) -> pd.DataFrame:
    """One row for each call, and one for each other hour under which a call with its id is stored.

    Args:
        spans: all spans of some traces, sorted by trace_id, project and span_id: the order in which they came plays no
            part. Columns are those of `watchglass_store.queries.assembly.skeleton`.
        prices: what models cost.

    Returns:
        `spans` where they are calls, with the columns of `FOUND` and with `hour`, where the call is stored.
    """
    names = ("trace_id", "project", "span_id", "parent_span_id")
    traces, projects, ids, parents = (_texts(spans[name]) for name in names)
    keys, parent_keys = (spans[name].to_numpy(np.int64) for name in ("key", "parent_key"))
    parent = link(keys, parent_keys, traces, projects, ids, parents)
    forest = Forest.grow(parent)
    tokens_in = input_tokens(spans)
    has_usage = (tokens_in >= 0) | (spans["usage_output_tokens"].to_numpy(np.int64) >= 0)
    priced = cost_usd(spans, tokens_in, prices)
    # What the client says it cost, where we know no price.
    priced = np.where(np.isnan(priced), spans["sent_cost_usd"].to_numpy(np.float64), priced)
    found = spans.assign(
        model=np.where(spans["response_model"] != "", spans["response_model"], spans["request_model"]),
        conversation_id=_inherited(forest, _texts(spans["conversation_id"])),
        user_id=_inherited(forest, _texts(spans["user_id"])),
        root_span_id=ids[forest.top],
        depth=forest.depth,
        usage_counted=counted(spans, forest, tokens_in).astype(np.int64),
        cost_usd=np.where(has_usage, priced, np.nan),
    )
    calls = found[found["is_call"] == 1]
    hours = calls["hours"].map(list)
    latest = calls.assign(hour=hours.map(lambda own: own[0]).astype(np.int64))
    others = calls.assign(hour=hours.map(lambda own: own[1:])).explode("hour").dropna(subset=["hour"])
    # A call that was sent with another start before is stored under that hour too; its usage counts once.
    others = others.assign(hour=others["hour"].astype(np.int64), usage_counted=0, moved_events=0)
    return pd.concat([latest, others], ignore_index=True) if len(others) else latest.reset_index(drop=True)


def differences(calls: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """What is to be written: calls of which something else is known, or nothing yet, and what was counted of those.

    Args:
        calls: what `assembled` gives.
        known: what earlier batches found out about them, with the columns of `_KEY` and `FOUND`.

    Returns:
        Columns sign (1 = found, -1 = takes back), trace_id, span_id, project, hour and `FOUND`.
    """
    columns = [*_KEY, *FOUND]
    if not len(known):
        return calls[columns].assign(sign=1)
    pairs = calls[columns].assign(row=np.arange(len(calls))).merge(known[columns], on=_KEY, suffixes=("", "_known"))
    is_same = np.ones(len(pairs), dtype=np.bool_)
    for name in FOUND:
        new, old = (pairs[column].to_numpy(object) for column in (name, f"{name}_known"))
        is_nan = (new != new) & (old != old)
        is_same &= (new == old).astype(np.bool_) | is_nan.astype(np.bool_)
    changed = pairs.loc[~is_same, _KEY]
    replaced = known[columns].merge(changed, on=_KEY)
    is_new = np.ones(len(calls), dtype=np.bool_)
    is_new[pairs.loc[is_same, "row"].to_numpy(np.int64)] = False
    taken_back = replaced[replaced["usage_counted"] == 1].assign(sign=-1)
    return pd.concat([taken_back, calls.loc[is_new, columns].assign(sign=1)], ignore_index=True)


def moves(calls: pd.DataFrame, changed: pd.DataFrame) -> dict[tuple[int, int], list[tuple[str, str, str]]]:
    """Log events that are stored under another hour than their call: (their hour, the call's) -> ids and project.

    Args:
        calls: what `assembled` gives.
        changed: what `differences` gives; of calls that are not in it nothing is moved.
    """
    wanted = changed.loc[(changed["sign"] == 1) & (changed["moved_events"] > 0), _KEY].merge(calls, on=_KEY)
    found: dict[tuple[int, int], list[tuple[str, str, str]]] = {}
    for hours, trace, span, project, hour in zip(*(wanted[name] for name in ("event_hours", *_KEY)), strict=True):
        for other in sorted(set(hours) - {hour}):
            found.setdefault((int(other), int(hour)), []).append((trace, span, project))
    return found


def _inherited(forest: Forest, values: Texts) -> Texts:
    """Each span's own value, else that of the nearest span above that has one."""
    has_own: Bools = values != ""
    source: Ints = forest.nearest(has_own)
    result: Texts = np.where(source == NONE, "", values[source])
    return result


def _texts(column: "pd.Series[Any]") -> Texts:
    return column.to_numpy(object)
