"""The same schema for a ClickHouse cluster: ON CLUSTER, Replicated engines, Distributed tables.

Nothing is written twice: each statement of `schema/*.sql` and of the views is rewritten token by token. A big table x
becomes x_local on each shard, replicated there, and x, Distributed over them; a trace is on one shard, so what merges
by trace id merges. Small tables are replicated to every node. A view that reads a big table reads and writes its own
shard; one that unnests an inbox writes through x, which spreads the rows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from watchglass_store.sql import Token, quote_name, quote_string, tokens

LOCAL = "_local"
WRITE_SETTINGS = {"insert_quorum": "auto", "distributed_foreground_insert": "1"}
"""An insert is answered when most replicas of the shard have it, and not when it is queued."""
_TRACE_ID = re.compile(r"^\s*(TraceId|trace_id) String", re.MULTILINE)
_EVERYWHERE = frozenset({"evaluation_log", "alert_events", "judge_ledger", "judge_previews", "judge_verdicts"})
"""Written in small numbers and read whole, although they name traces."""
_TABLE_FOLLOWS = frozenset({"FROM", "JOIN", "TO", "INTO"})
_BEFORE_THE_NAME = frozenset(
    {"CREATE", "DROP", "ALTER", "RENAME", "OR", "REPLACE", "MATERIALIZED", "TABLE", "VIEW", "IF", "NOT", "EXISTS"}
)
_NOT_REPLICATED = "non_replicated_deduplication_window"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where statements go."""

    name: str
    """As in system.clusters."""
    database: str
    sharded: dict[str, str]
    """Big tables, and the SQL of the number that chooses a row's shard."""

    def rendered(self, statement: str) -> list[str]:
        """The statements that do on the cluster what one does on a server; one that defines nothing stays as it is."""
        found = list(tokens(statement))
        words = [token.keyword for token in found[:5]]
        verb = words[0] if words else ""
        if verb not in ("CREATE", "DROP", "ALTER", "RENAME") or "DATABASE" in words:
            return [statement]
        place = _name_at(found)
        name = _unquoted(found[place])
        if verb == "CREATE":
            return self._create(statement, found, place, name)
        if name not in self.sharded:
            return [_insert(statement, found[place].end, self._clause())]
        local = _replace(statement, [(found[place], quote_name(name + LOCAL))])
        both = [_with_cluster(local, self._clause())]
        if verb == "DROP":
            both.append(_with_cluster(statement, self._clause()))
        elif "SETTING" not in words:
            # The columns of the table over the shards have to follow.
            changes_columns = any(token.keyword == "COLUMN" for token in found)
            both += [_with_cluster(statement, self._clause())] if changes_columns else []
        return both

    def _create(self, statement: str, found: Sequence[Token], place: int, name: str) -> list[str]:
        kind = found[place - 1].keyword
        if kind == "VIEW" or any(token.keyword == "VIEW" for token in found[:place]):
            reads_shard = any(_unquoted(after) in self.sharded for after in _after(found, {"FROM", "JOIN"}))
            is_materialized = any(token.keyword == "MATERIALIZED" for token in found[:place])
            if is_materialized and reads_shard:
                names = [token for token in _after(found, _TABLE_FOLLOWS) if _unquoted(token) in self.sharded]
                statement = _replace(statement, [(token, quote_name(_unquoted(token) + LOCAL)) for token in names])
            return [_with_cluster(statement, self._clause())]
        key = self.sharded.get(name)
        rendered = _replicated(statement, found, sharded=key is not None)
        if key is None:
            return [_with_cluster(rendered, self._clause())]
        rendered = _replace(rendered, [(list(tokens(rendered))[place], quote_name(name + LOCAL))])
        arguments = ", ".join((quote_string(self.name), quote_string(self.database), quote_string(name + LOCAL), key))
        over = (
            f"CREATE TABLE {quote_name(name)}{self._clause()} AS {quote_name(name + LOCAL)} "
            f"ENGINE = Distributed({arguments})"
        )
        return [_with_cluster(rendered, self._clause()), over]

    def _clause(self) -> str:
        return f" ON CLUSTER {quote_name(self.name)}"


def sharding(statements: Sequence[str]) -> dict[str, str]:
    """Which tables are big, and by what their rows are spread: by trace where rows name one.

    A table without traces is big where a view fills it from a big one, or where it holds metrics.
    """
    keys: dict[str, str] = {}
    views: list[tuple[str, list[str]]] = []
    for statement in statements:
        found = list(tokens(statement))
        if not found or found[0].keyword != "CREATE":
            continue
        name = _unquoted(found[_name_at(found)])
        if any(token.keyword == "MATERIALIZED" for token in found[:3]):
            target = _unquoted(_after(found, {"TO"})[0])
            views.append((target, [_unquoted(token) for token in _after(found, {"FROM", "JOIN"})]))
        elif any(token.keyword == "TABLE" for token in found[:3]) and "MergeTree" in statement:
            column = _TRACE_ID.search(statement)
            if column and name not in _EVERYWHERE:
                keys[name] = f"cityHash64({column[1]})"
            elif name.startswith("otel_metrics_"):
                keys[name] = "rand()"
    for target, sources in views:
        if any(source in keys for source in sources):
            keys.setdefault(target, "rand()")
    return keys


@cache
def cluster(name: str, database: str) -> Cluster:
    """The cluster of a name, for the schema that ships with this version."""
    from watchglass_store.migrations import known_migrations

    statements = [statement for migration in known_migrations() for statement in migration.statements]
    return Cluster(name, database, sharding(statements))


def _replicated(statement: str, found: Sequence[Token], *, sharded: bool) -> str:
    """Give a MergeTree its replicated engine; another engine stays."""
    place = next((i for i, (one, two) in enumerate(pairwise(found)) if (one.keyword, two.text) == ("ENGINE", "=")), -1)
    if place < 0 or not found[place + 2].text.endswith("MergeTree"):
        return statement
    engine = found[place + 2]
    path = "/clickhouse/tables/{shard}/{database}/{table}" if sharded else "/clickhouse/tables/all/{database}/{table}"
    replica = "{replica}" if sharded else "{shard}-{replica}"
    arguments = f"({quote_string(path)}, {quote_string(replica)}"
    changes = [(token, token.text.removeprefix("non_")) for token in found if token.text == _NOT_REPLICATED]
    if found[place + 3 : place + 4] and found[place + 3].text == "(":
        return _replace(
            statement, [(engine, f"Replicated{engine.text}"), (found[place + 3], f"{arguments}, "), *changes]
        )
    return _replace(statement, [(engine, f"Replicated{engine.text}{arguments})"), *changes])


def _name_at(found: Sequence[Token]) -> int:
    """Index of the name of what is created, dropped or changed."""
    skipped = {
        "CREATE",
        "DROP",
        "ALTER",
        "RENAME",
        "OR",
        "REPLACE",
        "MATERIALIZED",
        "TABLE",
        "VIEW",
        "IF",
        "NOT",
        "EXISTS",
    }
    return next(index for index, token in enumerate(found) if token.keyword not in skipped)


def _after(found: Sequence[Token], keywords: set[str] | frozenset[str]) -> list[Token]:
    """The names that follow such words."""
    return [two for one, two in pairwise(found) if one.keyword in keywords and two.kind in ("word", "quoted")]


def _with_cluster(statement: str, clause: str) -> str:
    found = list(tokens(statement))
    return _insert(statement, found[_name_at(found)].end, clause)


def _insert(statement: str, position: int, text: str) -> str:
    return statement[:position] + text + statement[position:]


def _replace(statement: str, changes: Sequence[tuple[Token, str]]) -> str:
    for token, text in sorted(changes, key=lambda change: -change[0].start):
        statement = statement[: token.start] + text + statement[token.end :]
    return statement


def _unquoted(token: Token) -> str:
    return token.text.strip('`"') if token.kind == "quoted" else token.text
