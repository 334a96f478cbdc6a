"""`llm_figures` says of every call what `llm_calls` says, however its pieces and the assembly's word come."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from watchglass_store import Store
from watchglass_store.queries import pages_cost, pages_people
from watchglass_store.queries.pages import HOURS, Scope, conditions

Send = Callable[..., None]
Call = Callable[..., dict[str, Any]]
Assemble = Callable[..., Any]
SAME = (
    "hour, trace_id, span_id, key_project, start_time, duration_s, service_name, environment, service_version, "
    "operation_name, request_model, response_model, prompt_version, conversation_id, user_id, usage_input_tokens, "
    "usage_output_tokens, usage_counted, error_type, time_to_first_token_s"
)
CALLS = f"SELECT {SAME}, if(usage_counted = 1, cost_usd, NULL) AS counted FROM llm_calls"
FIGURES = f"SELECT {SAME}, counted_cost_usd AS counted FROM llm_figures"
MODEL = "if(response_model != '', response_model, request_model)"


def unlike(store: Store) -> list[dict[str, Any]]:
    """Rows that only one of the two has."""
    return [*store.query(f"{CALLS} EXCEPT {FIGURES}"), *store.query(f"{FIGURES} EXCEPT {CALLS}")]


def by_whole_calls(store: Store, scope: Scope, who: str) -> list[dict[str, Any]]:
    """What the pages say of people, from whole calls."""
    where, parameters = conditions(scope, "start_time", model=f"({MODEL})")
    return store.query(
        f"""
        SELECT {who} AS id, toInt64(uniqExact(user_id)) AS users, toInt64(uniqExact(conversation_id)) AS conversations,
               toInt64(count()) AS n_calls, toInt64(countIf(error_type != '')) AS n_errors,
               toInt64(sumIf(ifNull(usage_input_tokens, 0) + ifNull(usage_output_tokens, 0), usage_counted = 1))
                   AS n_tokens,
               toInt64(countIf(usage_counted = 1 AND cost_usd IS NULL)) AS n_unpriced,
               sumIf(cost_usd, usage_counted = 1) AS total_cost_usd,
               toUnixTimestamp64Milli(toDateTime64(min(start_time), 3)) AS first_ms,
               toUnixTimestamp64Milli(toDateTime64(max(start_time), 3)) AS last_ms
        FROM llm_calls WHERE {where} AND {HOURS} GROUP BY id ORDER BY id
        """,
        parameters,
    )


@pytest.fixture
def _people(send: Send, call: Call, assemble: Assemble, trace_id: str, viewed: Store) -> None:
    """Calls of everybody and of nobody, over three hours: moved, repeated, failed, without usage, without a price."""
    if viewed.query("SELECT 1 FROM llm_calls LIMIT 1"):
        return
    tool, chat = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "lookup"}, "gen_ai.conversation.id"
    for number in range(12):
        trace, ago_s = f"{number:x}".rjust(32, "f"), 900.0 * number + 1
        own = {"user.id": f"user-{number % 4}", chat: f"chat-{number % 5}"} if number % 3 else {}
        send(
            ("aa", "", {**call(100 + number), **own}),
            ("bb", "aa", {**tool, **({"error.type": "Timeout"} if number % 2 else {})}),
            ("cc", "aa", call(10, gen_ai__request__model="house-model" if number % 4 else "gpt-4o")),
            trace=trace,
            ago_s=ago_s,
        )
    one = assemble()
    assert unlike(viewed) == []
    for number in (3, 6, 7):
        # Its root comes late and says whose it is; and a call is sent again, of somebody else, or of nobody.
        trace, ago_s = f"{number:x}".rjust(32, "f"), 900.0 * number + 1
        send(("dd", "", {"user.id": "late", chat: "moved"}), trace=trace, ago_s=ago_s)
        send(("aa", "dd", call(100 + number)), trace=trace, ago_s=ago_s)
        send(("cc", "aa", {**call(9), "user.id": "user-1"}), trace=trace, ago_s=ago_s)
    assemble(assembler=one)
    send(("ee", "", {**call(7), "user.id": "fresh", chat: "fresh"}), trace="e" * 32)


@pytest.mark.usefixtures("_people")
def test_the_figures_of_a_call_are_those_of_the_whole_call(viewed: Store) -> None:
    assert unlike(viewed) == [], "some calls moved, and one was not assembled yet"
    viewed.command("OPTIMIZE TABLE llm_figure_parts FINAL")
    viewed.command("OPTIMIZE TABLE llm_call_parts FINAL")
    assert unlike(viewed) == []
    (found,) = viewed.query(
        "SELECT countIf(user_id = 'late' OR conversation_id = 'moved') AS moved, countIf(user_id = '') AS nobody, "
        "countIf(user_id = 'fresh') AS fresh, countIf(usage_counted = 1 AND counted_cost_usd IS NULL) AS unpriced, "
        "countIf(usage_counted = 0) AS uncounted, countIf(error_type != '') AS failed FROM llm_figures"
    )
    assert all(found.values()), found


@pytest.mark.usefixtures("_people")
def test_an_upgrade_takes_over_the_calls_that_are_there(viewed: Store) -> None:
    from watchglass_store.migrations import known_migrations

    (migration,) = [one for one in known_migrations() if one.name == "0020_figures_by_minute.sql"]
    (fill,) = [statement for statement in migration.statements if "INSERT INTO" in statement]
    viewed.command("TRUNCATE TABLE llm_figure_parts")
    viewed.command(fill)
    assert unlike(viewed) == []
    viewed.command(fill)
    assert unlike(viewed) == [], "a run that was cut off begins again"


@pytest.mark.usefixtures("_people")
@pytest.mark.parametrize("who", ["conversation_id", "user_id"])
@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"models": ("house-model",)},
        {"operations": ("chat",)},
        {"service": "shop", "operations": ("execute_tool", "chat"), "models": ("", "gpt-4o")},
        {"service": "nobody's"},
        {"start": timedelta(minutes=-95), "end": timedelta(minutes=-20)},
    ],
)
def test_people_add_up_to_what_the_whole_calls_say(viewed: Store, who: Any, chosen: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    start, end = chosen.pop("start", timedelta(hours=-24)), chosen.pop("end", timedelta(minutes=1))
    scope = replace(Scope(now + start, now + end), **chosen)
    wanted = by_whole_calls(viewed, scope, who)
    rows = pages_people.people(viewed, scope, who, limit=100, offset=0)
    found = sorted(({**row} for row in rows), key=lambda row: row["id"])
    for row in found:
        del row["user"]
    assert found == [row | {"total_cost_usd": pytest.approx(row["total_cost_usd"])} for row in wanted if row["id"]]
    assert pages_people.count_people(viewed, scope, who) == len(found)
    if who == "user_id":
        names = ("n_calls", "n_unpriced", "n_tokens", "total_cost_usd")
        spent = {row["user"]: row for row in pages_cost.spending_by_user(viewed, scope)}
        assert spent == {
            row["id"]: {"user": row["id"]} | {name: pytest.approx(row[name]) for name in names} for row in wanted
        }


@pytest.mark.usefixtures("_people")
def test_the_calls_of_a_conversation_come_with_their_texts(viewed: Store) -> None:
    now = datetime.now(UTC)
    day = Scope(now - timedelta(hours=24), now + timedelta(minutes=1))
    turns = pages_people.turns_of(viewed, day, "moved")
    wanted = viewed.query("SELECT trace_id, span_id FROM llm_calls WHERE conversation_id = 'moved' ORDER BY start_time")
    assert [(turn["trace_id"], turn["span_id"]) for turn in turns] == [
        (row["trace_id"], row["span_id"]) for row in wanted
    ]
    assert len(pages_people.turns_of(viewed, day, "moved", limit=2)) == 2
