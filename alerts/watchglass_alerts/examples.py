"""The worst calls behind an alert: three at most, found only when somebody is about to be told."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from watchglass_alerts.message import Change, Example, Kind, notification_kind
from watchglass_alerts.metrics import CALLS
from watchglass_alerts.rules import Rule
from watchglass_alerts.values import show
from watchglass_store import Store, StoreError
from watchglass_store.queries.alert_examples import worst_calls, worst_scores

logger = logging.getLogger("watchglass.alerts")

COUNT = 3
MAX_MESSAGES = 10
"""Of one slot; a hundred alerts that fire at once are told in time, most of them without examples."""
LONGEST = timedelta(hours=1)
"""Of a longer window only the end is searched, so that a rule over a month costs no more than one over an hour."""

_ORDERS = {
    "duration_s": "duration_s",
    "time_to_first_token_s": "time_to_first_token_s",
    "cost_usd": "cost_usd",
    "input_tokens": "usage_input_tokens",
    "output_tokens": "usage_output_tokens",
}
"""Metric of calls -> the column that makes one call worse than another."""

_OF_CALLS = {measure.metric for measure in CALLS}


class _Wish(NamedTuple):
    order: str
    """A column, or '' for the newest."""
    descending: bool
    only_errors: bool


class Examples:
    """Finds examples for those messages that say that something fires, within what a slot can spare."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._slot: datetime | None = None
        self._left = MAX_MESSAGES

    def add(self, change: Change) -> Change:
        """The change with its examples.

        A message without examples is better than none or a late one: only the first of a slot get any, and a failing
        query is logged, ends it for this slot, and is not raised.
        """
        if change.slot != self._slot:
            self._slot, self._left = change.slot, MAX_MESSAGES
        is_told = notification_kind(change.rule, change.before, change.step.state) is Kind.FIRING
        if not (is_told and change.rule.channels and self._left):
            return change
        self._left -= 1
        try:
            return change._replace(examples=find_examples(self._store, change.rule, change.labels, change.slot))
        except StoreError as error:
            logger.warning("no examples for a message about rule %r: %s", change.rule.name, type(error).__name__)
            self._left = 0
            return change


def find_examples(store: Store, rule: Rule, labels: Mapping[str, str], slot: datetime) -> tuple[Example, ...]:
    """The worst calls of a rule's window, worst first; none where the rule wants none.

    Raises:
        StoreError: the store has no answer in a second or two.
    """
    if rule.examples == "none" or not (rule.is_on_scores or rule.metric in _OF_CALLS):
        return ()
    filters = {**rule.filters, **{field: (value,) for field, value in labels.items()}}
    window = timedelta(seconds=rule.window_s)
    bounds: dict[str, Any] = {"start": slot - min(window, LONGEST), "end": slot, "filters": filters, "limit": COUNT}
    rows = _scores(store, rule, bounds) if rule.is_on_scores else _calls(store, rule, bounds)
    return tuple(_example(rule, row, with_text=rule.examples == "text") for row in rows)


def _calls(store: Store, rule: Rule, bounds: Mapping[str, Any]) -> list[dict[str, Any]]:
    wish = _Wish(_ORDERS.get(rule.metric, ""), rule.condition.op[0] == ">", rule.metric in ("errors", "error_rate"))
    return worst_calls(store, **wish._asdict(), **bounds)


def _scores(store: Store, rule: Rule, bounds: Mapping[str, Any]) -> list[dict[str, Any]]:
    share = rule.share_of
    is_above = rule.condition.op[0] == ">" if share is None else share.above is not None
    label = share.label or "" if share is not None else ""
    return worst_scores(store, name=rule.score_name, descending=is_above, label=label, **bounds)


def _example(rule: Rule, row: Mapping[str, Any], *, with_text: bool) -> Example:
    value = row["value"]
    if rule.is_on_scores:
        what = f"{rule.score_name} {_plain(value)}" + (f" {row['label']}" if row["label"] else "")
    elif value is not None and rule.metric in _ORDERS:
        what = show(rule, value)
    else:
        what = row["error_type"] or "no error"
    title = " ".join(part for part in (f"{row['start_time']:%H:%M:%S}", row["model"]) if part)
    text = f"{row['prompt_text']} → {row['response_text']}" if with_text else ""
    return Example(row["trace_id"], row["span_id"], f"{title}, {what}", text, row["key_project"])


def _plain(value: float | None) -> str:
    """A score of one call, without a unit."""
    return "unscored" if value is None else f"{value:.4g}"
