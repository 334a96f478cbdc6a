"""Which of a trace's spans count when tokens and cost are summed.

A wrapper and the call that it wraps both carry usage, and two instrumentations may report one call, as child or as
sibling. Counted is the span with no usage-carrying span below it; of several with one response id in a trace, one; and
of two siblings that different instrumentations made of one call, one.
"""

from typing import Final

import numpy as np
import pandas as pd

from watchglass_collector.assembly.forest import Bools, Forest, Ints

#: Conventions whose input tokens leave out those that went to or came from the provider's cache.
EXCLUDING_CACHE = frozenset({"openlit"})

_TRACE: Final = ("trace_id", "project")


def input_tokens(frame: pd.DataFrame) -> Ints:
    """Input tokens with those of the cache, as most clients report them; -1 = not sent."""
    said: Ints = frame["usage_input_tokens"].to_numpy(np.int64)
    cached = frame["usage_cache_read_input_tokens"].clip(0) + frame["usage_cache_write_input_tokens"].clip(0)
    is_lacking = frame["convention"].isin(EXCLUDING_CACHE).to_numpy() & (said >= 0)
    return np.where(is_lacking, said + cached.to_numpy(np.int64), said)


def counted(frame: pd.DataFrame, forest: Forest, tokens_in: Ints) -> Bools:
    """Whether each span's usage counts.

    Args:
        frame: spans with trace_id, project, scope, response_id, start_ns, duration_s and usage_output_tokens (-1 = not
            sent), in an order that does not depend on when they came.
        forest: their trees.
        tokens_in: their input tokens, -1 = not sent.
    """
    tokens_out = frame["usage_output_tokens"].to_numpy(np.int64)
    tokens = tokens_in.clip(0) + tokens_out.clip(0)
    candidate = ((tokens_in >= 0) | (tokens_out >= 0)) & ~forest.has_below(tokens > 0)
    chosen = frame.loc[candidate, [*_TRACE, "scope", "response_id", "start_ns", "duration_s"]].assign(
        row=np.flatnonzero(candidate),
        parent=forest.parent[candidate],
        tokens=tokens[candidate],
        tokens_in=tokens_in[candidate],
        tokens_out=tokens_out[candidate],
    )
    chosen = chosen.drop(index=_repeated(chosen))
    chosen = chosen.drop(index=_twins(chosen))
    result = np.zeros(len(frame), dtype=np.bool_)
    result[chosen["row"].to_numpy()] = True
    return result


def _repeated(chosen: pd.DataFrame) -> "pd.Index[int]":
    """All but one of those that share a response id in a trace: the one that knows of most tokens stays."""
    named = chosen[chosen["response_id"] != ""]
    ordered = named.sort_values(["tokens", "row"], ascending=[False, True], kind="stable")
    return ordered.index[ordered.duplicated([*_TRACE, "response_id"])]


def _twins(chosen: pd.DataFrame) -> "pd.Index[int]":
    """Siblings of another instrumentation with the same usage at the same time, one of them without a response id."""
    group = [*_TRACE, "parent", "tokens_in", "tokens_out"]
    spent = chosen[chosen["tokens"] > 0].assign(is_nameless=lambda frame: frame["response_id"] == "")
    ordered = spent.sort_values([*group, "start_ns", "is_nameless", "row"], kind="stable")
    before = ordered.shift(1)
    end_ns = before["start_ns"] + before["duration_s"] * 1e9
    is_twin = (
        (ordered[group] == before[group]).all(axis=1)
        & (ordered["scope"] != before["scope"])
        & (ordered["start_ns"] < end_ns)
        & (ordered["is_nameless"] | before["is_nameless"].fillna(False).astype(bool))
    )
    # Of three in a row the second may be the first's twin and not the third's as well.
    is_twin &= ~is_twin.shift(1, fill_value=False)
    # The one with a response id stays.
    leaves_before = is_twin & ~ordered["is_nameless"]
    leaving = np.where(leaves_before.shift(-1, fill_value=False), True, is_twin & ordered["is_nameless"])
    return ordered.index[leaving]
