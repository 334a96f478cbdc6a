"""What the editor may write: rows of the tables of settings, by one form of statement. It reads as `readonly` does.

Settings tables are append-only versions, so whoever has only this user can add a version and an entry to the audit
log, and can change or delete neither.
"""

from collections.abc import Mapping

from watchglass_store.server.guard import HARMLESS_SETTINGS, shown
from watchglass_store.server.problems import Problem, readonly
from watchglass_store.server.statement import InsertHead
from watchglass_store.sql import Token, quote_name, tokens

TABLES = frozenset(
    {
        "alert_rules",
        "api_keys",
        "audit_log",
        "dashboard_users",
        "evaluator_settings",
        "judge_rubrics",
        "model_catalog",
        "page_requests",
        "prices",
        "references",
        "saved_views",
        "silences",
    }
)
"""Tables of settings that a person edits, the log of who did, and what pages ask of other parts. Each is a new row."""
FORMAT = "Native"
MAX_BYTES = 4 << 20
"""Of one insert's data. A reference answer or a rule is a few kilobytes."""
SETTINGS: Mapping[str, str] = {
    "async_insert": "0",
    "insert_deduplicate": "1",
    "deduplicate_blocks_in_dependent_materialized_views": "1",
    "max_execution_time": "30",
    "max_memory_usage": str(512 << 20),
    "max_partitions_per_insert_block": "100",
}
"""Of every insert of the editor; what the client sends of these names is taken and has no effect."""


def checked(head: InsertHead) -> InsertHead:
    """Return the statement to run in place of what the editor sent, written anew from its names.

    Args:
        head: `INSERT INTO [TABLE] name [(columns)] FORMAT Native`, the only form there is.

    Raises:
        Problem: 164 where it is anything else, or another table.
    """
    parts = list(tokens(head.target))
    words = [part.keyword for part in parts[:3]]
    named_at = 3 if words[2:] == ["TABLE"] and len(parts) > 3 and parts[3].text != "(" else 2
    if head.settings or head.format != FORMAT or words[:2] != ["INSERT", "INTO"] or len(parts) <= named_at:
        raise readonly(f"The editor may only INSERT INTO a table of settings, as FORMAT {FORMAT}")
    table = _name(parts[named_at])
    if table not in TABLES:
        raise readonly(f"The editor may not write to {shown(table)}; it may to {', '.join(sorted(TABLES))}")
    columns = _columns(parts[named_at + 1 :])
    listed = f" ({', '.join(map(quote_name, columns))})" if columns else ""
    return InsertHead(f"INSERT INTO {quote_name(table)}{listed}", "", FORMAT, head.byte_length)


def settings(sent: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of an insert, which are always the same.

    Raises:
        Problem: 164 where any other setting was sent.
    """
    for name in sent:
        if name not in SETTINGS and name not in HARMLESS_SETTINGS:
            raise readonly(f"The editor may not set {shown(name)}")
    return dict(SETTINGS)


def check_size(written: int) -> None:
    """Raise Problem 307 where an insert's data are more than the editor may send."""
    if written > MAX_BYTES:
        raise Problem(307, "QUERY_IS_TOO_LARGE", f"The editor may insert at most {MAX_BYTES} bytes at once")


def _columns(parts: list[Token]) -> list[str]:
    """The names between the brackets behind a table; none where there are no brackets."""
    if not parts:
        return []
    inner = parts[1:-1]
    is_list = parts[0].text == "(" and parts[-1].text == ")" and len(inner) % 2 == 1
    if not is_list or any(comma.text != "," or comma.kind != "symbol" for comma in inner[1::2]):
        raise readonly("The editor may only list columns behind the table's name")
    return [_name(part) for part in inner[::2]]


def _name(part: Token) -> str:
    if part.kind not in ("word", "quoted"):
        raise readonly(f"The editor may not use {shown(part.text)} as a name")
    name = part.text[1:-1] if part.kind == "quoted" else part.text
    if not name.replace("_", "a").isalnum() or not name.isascii():
        raise readonly(f"The editor may not use the name {shown(name)}")
    return name
