"""What the read-only user may run: an allow-list over the statement as the engine itself has parsed it.

`readonly=1` alone is not a sandbox: under it chDB still runs `file('/etc/passwd')` as a scalar, `INTO OUTFILE`,
`KILL QUERY`, a second statement behind a semicolon, and every system table. So before a statement runs it is

1. parsed and written out again by the engine (`formatQuerySingleLine` on a bound parameter, nothing is executed):
   comments, odd quoting, heredocs, escapes and letter case are gone, and a second statement is refused;
2. walked token by token: the verb, every name that is called, every system table and every clause must be known;
3. run as the text of step 1, not as it was sent, on a handle with hard limits and `readonly=1`.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from watchglass_store.server import guard_lists as lists
from watchglass_store.server.problems import Problem, readonly, syntax_error
from watchglass_store.sql import Token, tokens

LIMITS: Mapping[str, str] = {
    "max_execution_time": "30",
    "timeout_overflow_mode": "throw",
    "max_memory_usage": str(2 << 30),
    "max_result_rows": "5000000",
    "max_result_bytes": str(1 << 30),
    "result_overflow_mode": "throw",
    "max_query_size": str(256 << 10),
    "max_ast_depth": "200",
    "max_ast_elements": "20000",
    "max_expanded_ast_elements": "100000",
    "max_subquery_depth": "20",
    "max_temporary_data_on_disk_size_for_query": str(1 << 30),
    "max_temporary_columns": "2000",
    "allow_ddl": "0",
    "allow_introspection_functions": "0",
    # As the views `llm_calls` and `scores_by_day` have it; what a view sets does not count under readonly=1.
    "do_not_merge_across_partitions_select_final": "1",
}
"""Settings of every statement of the read-only user; frozen by readonly=1."""

HARMLESS_SETTINGS = frozenset({"date_time_input_format", "cast_string_to_dynamic_use_inference"})
"""Settings that clickhouse-connect sends with every statement; they are taken and have no effect."""
MAX_CHARACTERS = 256 << 10
MAX_NAME_LENGTH = 128
MAX_CACHED = 2048
MAX_CACHED_CHARACTERS = 16 << 10
NAMES = ("word", "quoted")
_SYMBOLS = frozenset("()[].,*+-/%=<>!|:?@^~")
_NOTHING = Token("symbol", "", 0)


class Guard:
    """Checks statements against what this engine offers. Thread-safe; remembers what it has passed."""

    def __init__(self, handle: Any) -> None:
        """Learn the engine's functions and types from a handle on it."""
        functions = _functions(handle)
        self._combinators = tuple(_column(handle, "SELECT lower(name) FROM system.aggregate_function_combinators"))
        self._aggregates = frozenset(name.lower() for name, _, _, is_aggregate in functions if is_aggregate)
        self._callable = callable_names(functions) | {
            *lists.TABLE_FUNCTIONS,
            *_column(handle, "SELECT lower(name) FROM system.data_type_families"),
        }
        self._refused = frozenset(name.lower() for name, _, _, _ in functions) - self._callable
        self._passed: dict[str, str] = {}

    def check(self, handle: Any, statement: str) -> str:
        """Return the text to run in place of the statement.

        Args:
            handle: Where to have it parsed; nothing is executed on it.
            statement: What the user sent, output format included.

        Raises:
            Problem: 62 where it does not parse as one statement, 164 where it is not allowed.
        """
        known = self._passed.get(statement)
        if known is not None:
            return known
        if len(statement) > MAX_CHARACTERS:
            raise syntax_error(f"The statement is longer than {MAX_CHARACTERS} characters")
        text = _normalise(handle, statement)
        self.check_normalised(text)
        if len(self._passed) >= MAX_CACHED:
            self._passed.clear()
        if len(statement) <= MAX_CACHED_CHARACTERS:
            self._passed[statement] = text
        return text

    def check_normalised(self, text: str) -> None:
        """Raise Problem unless a text that the engine has written out is allowed."""
        parts = list(tokens(text))
        _check_verb([token.keyword or token.text for token in parts])
        _check_format(parts)
        for before, token in pairwise([_NOTHING, *parts]):
            _check_token(before, token)
            if token.kind in NAMES and token.keyword not in lists.KEYWORDS and _bare(token) in self._refused:
                raise readonly(f"The read-only user may not use {_shown(token)}")
            if token.text == "(" and before.kind in NAMES and before.keyword not in lists.KEYWORDS:
                self._check_called(before)
        _check_databases(parts)

    def _check_called(self, name: Token) -> None:
        called = _bare(name)
        if called not in self._callable and not (len(called) <= MAX_NAME_LENGTH and self._is_combined(called)):
            raise readonly(f"The read-only user may not call {_shown(name)}")

    def _is_combined(self, name: str) -> bool:
        """Whether it is an aggregate function with -If, -Merge, -State and so on behind it."""
        for ending in self._combinators:
            rest = name.removesuffix(ending)
            if rest != name and (rest in self._aggregates or self._is_combined(rest)):
                return True
        return False


Function = tuple[str, str, str, bool]
"""Name, name that it is an alias of, category, whether it aggregates."""


def callable_names(functions: Sequence[Function]) -> frozenset[str]:
    """Return, in small letters, the functions that only compute: reviewed categories, names and their aliases."""
    allowed = {
        name
        for name, _, category, is_aggregate in functions
        if is_aggregate or category in lists.CATEGORIES or name in lists.FUNCTIONS
    }
    allowed |= {name for name, target, _, _ in functions if target in allowed}
    return frozenset(name.lower() for name in allowed) - lists.NOT_CALLABLE


def _functions(handle: Any) -> list[Function]:
    sql = "SELECT name, alias_to, categories, is_aggregate FROM system.functions WHERE origin = 'System'"
    rows = (line.split("\t") for line in _column(handle, sql))
    return [(name, target, category, is_aggregate == "1") for name, target, category, is_aggregate in rows]


def _normalise(handle: Any, statement: str) -> str:
    sql = "SELECT formatQuerySingleLine({statement:String})"
    try:
        text: str = handle.query(sql, "RawBLOB", {"statement": _escaped(statement)}).bytes().decode()
    except RuntimeError as error:
        problem = Problem.from_engine(error)
        raise syntax_error(
            problem.text.partition("DB::Exception: ")[2].partition(": In scope SELECT format")[0]
        ) from None
    return text


def _escaped(value: str) -> str:
    """A value as ClickHouse reads query parameters: in its TabSeparated escaping."""
    return value.translate({0: "\\0", 9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"})


def _check_verb(words: Sequence[str]) -> None:
    first = next((index for index, word in enumerate(words) if word != "("), 0)
    verb, rest = words[first], words[first + 1 :]
    if verb not in lists.VERBS:
        raise readonly(f"The read-only user may not {verb if verb.isalpha() else 'run this'}")
    if verb == "SHOW" and rest[0] not in lists.SHOWN:
        raise readonly(f"The read-only user may not SHOW {rest[0]}")
    if verb == "EXPLAIN":
        query = next((index for index, word in enumerate(rest) if word in ("SELECT", "WITH", "(")), None)
        options = rest[:query] if query is not None else []
        kinds = {word for word, after in pairwise([*options, ""]) if word.isalpha() and after != "="}
        if query is None or not kinds <= lists.EXPLAINED:
            raise readonly("The read-only user may EXPLAIN a SELECT only")


def _check_format(parts: Sequence[Token]) -> None:
    if len(parts) > 1 and parts[-2].keyword == "FORMAT":
        check_format(parts[-1].text.strip("`"))


def check_format(name: str) -> None:
    """Raise Problem unless an output format is one that needs no file and no schema."""
    if name not in lists.FORMATS:
        raise readonly(f"The read-only user may not use FORMAT {shown(name)}")


def _check_token(before: Token, token: Token) -> None:
    if token.kind == "parameter" and "identifier" in token.text.lower():
        raise readonly("The read-only user may not bind an Identifier")
    if token.kind == "heredoc" or (token.kind == "symbol" and token.text not in _SYMBOLS):
        raise readonly(f"The read-only user may not use {token.text[:1]!a} here")
    is_first = before is _NOTHING or (token.keyword == "CREATE" and before.keyword == "SHOW")
    if token.keyword in lists.REFUSED_KEYWORDS and not is_first and before.text != ".":
        raise readonly(f"The read-only user may not use {token.keyword}")


def _check_databases(parts: Sequence[Token]) -> None:
    """Refuse databases that are not data, but for the system tables that describe data."""
    for index, token in enumerate(parts):
        database, dot, _ = _bare(token).partition(".")
        if token.kind not in NAMES or database not in lists.GUARDED_DATABASES:
            continue
        following = [_bare(part) for part in parts[index + 1 : index + 3]]
        is_member = index > 0 and parts[index - 1].text == "."
        if not dot and following[:1] != ["."] and is_member:
            continue
        if dot or following[:1] != ["."] or (database, following[-1]) not in lists.SYSTEM_TABLES:
            raise readonly(f"The read-only user may not read {_shown(token)}")


def check_settings(names: Iterable[str]) -> None:
    """Raise Problem where the read-only user sends a setting."""
    for name in names:
        if name not in HARMLESS_SETTINGS:
            raise readonly(f"Cannot modify {shown(name)} setting in readonly mode.")


def check_database(name: str) -> None:
    """Raise Problem where the read-only user asks for a default database that is not data."""
    if name.lower() in lists.GUARDED_DATABASES:
        raise readonly(f"The read-only user may not use the database {shown(name)}")


def _bare(token: Token) -> str:
    """The name without its quotes, in small letters."""
    return (token.text[1:-1] if token.kind == "quoted" else token.text).lower()


def _shown(token: Token) -> str:
    """A name for an error text."""
    return shown(_bare(token))


def shown(name: str) -> str:
    """A name for an error text: cut, printable, and in the quotes of names, not of values."""
    return f"`{ascii(name[:64])[1:-1]}`"


def _column(handle: Any, sql: str) -> list[str]:
    text: str = handle.query(sql, "TabSeparatedRaw").bytes().decode()
    return text.splitlines()
