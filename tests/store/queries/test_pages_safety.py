"""Queries of the Safety page against values counted by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from watchglass_store.queries import pages_safety as queries
from watchglass_store.queries.pages import Scope

NOW = datetime.now(UTC).replace(microsecond=0)
SCOPE = Scope(NOW - timedelta(hours=1), NOW)


def score(number, name, value, label="", *, version="1", created=0):
    return {
        "name": name, "evaluator": name, "evaluator_version": version, "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}", "value": value, "label": label, "call_time": NOW - timedelta(minutes=number + 1),
        "created_at": NOW + timedelta(seconds=created), "service_name": "bot", "model": "m",
    }  # fmt: skip


@pytest.fixture
def filled(store):
    store.insert(
        "scores",
        [
            score(1, "pii", 2.0, "email, phone"),
            score(2, "pii", 1.0, "email"),
            score(3, "pii", 0.0),
            score(4, "pii", None),
            score(1, "profanity", 0.5),
            score(2, "profanity", 0.49),
            score(2, "profanity", 0.99, version="0", created=-60),
            score(1, "rouge_l", 1.0),
        ],
    )
    return store


def test_flags_count_the_newest_version_only(filled):
    series = queries.flag_series(filled, SCOPE, queries.newest(filled, SCOPE), 60)
    assert len(series) > 2, "checks have several buckets"
    rows = {row["name"]: row for row in queries.flags(series)}
    assert [*rows] == ["pii", "profanity"], "most flagged first"
    assert set(rows) == {"pii", "profanity"}
    assert (rows["pii"]["n"], rows["pii"]["n_flagged"], rows["pii"]["n_unscored"]) == (3, 2, 1)
    assert (rows["profanity"]["n"], rows["profanity"]["n_flagged"]) == (2, 1)


def test_series_and_kinds(filled):
    totals = {"pii": [0, 0], "profanity": [0, 0]}
    for row in queries.flag_series(filled, SCOPE, queries.newest(filled, SCOPE), 600):
        totals[row["name"]][0] += row["n"]
        totals[row["name"]][1] += row["n_flagged"]
    assert totals == {"pii": [3, 2], "profanity": [2, 1]}
    assert queries.kinds(filled, SCOPE, queries.newest(filled, SCOPE)) == [
        {"name": "pii", "kind": "email", "calls": 2},
        {"name": "pii", "kind": "phone", "calls": 1},
    ]


def test_a_call_flagged_twice_is_listed_once(filled):
    rows = queries.flagged_calls(filled, SCOPE, queries.newest(filled, SCOPE))
    assert [(row["trace_id"][-1], row["found"]) for row in rows] == [("1", ["pii", "profanity"]), ("2", ["pii"])]


def test_the_newest_flagged_calls_are_found_however_long_ago(store):
    """Looked for in the last hour, then six, then all."""
    store.insert("scores", [score(minutes, "pii", 1.0) for minutes in (5, 200, 201, 900)])
    day = Scope(NOW - timedelta(hours=24), NOW)
    versions = queries.newest(store, day)
    for many, wanted in ((1, [5]), (3, [5, 200, 201]), (50, [5, 200, 201, 900])):
        rows = queries.flagged_calls(store, day, versions, limit=many)
        assert [int(row["trace_id"], 16) for row in rows] == wanted
