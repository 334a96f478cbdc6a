"""What kind of statement a text is, found without executing it."""

from dataclasses import dataclass
from functools import lru_cache

from watchglass_store.server.problems import syntax_error
from watchglass_store.sql import Token, tokens

MAX_CACHED_CHARACTERS = 16 << 10
_QUERY_VERBS = frozenset({"SELECT", "WITH", "FROM", "VALUES", "WATCH"})
_BEFORE_A_NAME = frozenset({"INTO", "TABLE", "FUNCTION"})


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, looked at from outside."""

    verb: str
    """First keyword in capitals, opening brackets passed over; '' for an empty text."""
    format: str
    """The output format that it asks for itself, or ''."""


@dataclass(frozen=True, slots=True)
class InsertHead:
    """`INSERT INTO … FORMAT X`, whose data follow."""

    target: str
    """The statement up to SETTINGS or FORMAT."""
    settings: str
    """The SETTINGS clause, '' where there is none."""
    format: str
    byte_length: int
    """Bytes up to where the data begin, in UTF-8."""


def read(text: str) -> Statement:
    """Look at a text that must hold one statement.

    Raises:
        Problem: There is none, or a second one.
    """
    return _read_cached(text) if len(text) <= MAX_CACHED_CHARACTERS else _read(text)


def _read(text: str) -> Statement:
    verb = output_format = ""
    depth = 0
    previous: Token | None = None
    ended = False
    if "\0" in text:
        raise syntax_error("The statement holds a NUL character")
    for token in tokens(text):
        if token.text == ";" and token.kind == "symbol":
            ended = True
            continue
        if ended and previous is not None:
            raise syntax_error("Multi-statements are not allowed")
        depth += (token.text == "(") - (token.text == ")")
        if not verb and token.text != "(":
            verb = token.keyword or token.text[:1]
        if previous is not None and previous.keyword == "FORMAT" and token.kind == "word" and depth == 0:
            output_format = token.text
        previous = token
    if previous is None:
        raise syntax_error("Empty query")
    return Statement(verb, output_format)


_read_cached = lru_cache(maxsize=1024)(_read)


def insert_head(text: str) -> InsertHead | None:
    """Find where the data of an `INSERT INTO … FORMAT X` begin; None for any other text.

    The data are never looked at, so the text may go on with any bytes. As in ClickHouse, blanks behind the format's
    name and one line break do not belong to the data.
    """
    depth = 0
    previous: Token | None = None
    settings_start: int | None = None
    for token in tokens(text):
        if previous is None and token.keyword != "INSERT":
            return None
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and previous is not None:
            if token.keyword in _QUERY_VERBS and previous.keyword not in _BEFORE_A_NAME:
                return None
            if previous.keyword == "FORMAT" and token.kind == "word":
                end = len(text) - len(text[token.end :].lstrip(" \t\f"))
                end += 2 if text.startswith("\r\n", end) else text.startswith("\n", end)
                byte_length = len(text[:end].encode("utf-8", "surrogateescape"))
                target_end = previous.start if settings_start is None else settings_start
                settings = text[target_end : previous.start].rstrip()
                return InsertHead(text[:target_end].rstrip(), settings, token.text, byte_length)
            if token.keyword == "SETTINGS" and previous.keyword not in _BEFORE_A_NAME:
                settings_start = token.start
        previous = token
    return None
