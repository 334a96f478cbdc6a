"""Just enough of ClickHouse's lexer: where strings, comments and statements begin and end.

It follows the engine's src/Parsers/Lexer.cpp. It is used to split migration files, to find the data behind
`INSERT … FORMAT X`, and by the read-only guard on text that the engine itself has normalised.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""
      (?P<blank>\s++ | --[^\n]*+ | \#[ !][^\n]*+)
    | (?P<comment>/\*)
    | (?P<string>'(?:[^'\\]++|\\.|'')*+')
    | (?P<heredoc>\$\w*\$)
    | (?P<quoted>`(?:[^`\\]++|\\.|``)*+` | "(?:[^"\\]++|\\.|"")*+")
    | (?P<parameter>\{\s*[A-Za-z_]\w*\s*:[^{}]*\})
    | (?P<number>\d[\w.]*(?:(?<=[eEpP])[+-]\d+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_$]*+)
    | (?P<symbol>.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_HEREDOC_EDGE = re.compile(r"(?=(\$\w*\$))", re.ASCII)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


class Token(NamedTuple):
    """A piece of SQL that is neither blank nor comment."""

    kind: str
    """string, heredoc, quoted, parameter, number, word or symbol."""
    text: str
    start: int
    """Offset of the first character."""

    @property
    def end(self) -> int:
        """Offset behind the last character."""
        return self.start + len(self.text)

    @property
    def keyword(self) -> str:
        """The word in capitals; '' for anything that is not a bare word."""
        return self.text.upper() if self.kind == "word" else ""


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text; blanks and (nested) comments are passed over.

    An unclosed string or quoted name shows as a symbol token holding its opening quote.
    """
    position = 0
    last_edges: dict[str, int] | None = None
    while match := _TOKEN.match(text, position):
        kind, start, position = match.lastgroup or "symbol", match.start(), match.end()
        if kind == "comment":
            position = _comment_end(text, position)
        elif kind == "heredoc":
            if last_edges is None:
                last_edges = {edge[1]: edge.start() for edge in _HEREDOC_EDGE.finditer(text)}
            kind, position = _heredoc(text, match.group(), position, last_edges)
        if kind not in ("blank", "comment"):
            yield Token(kind, text[start:position], start)


def _heredoc(text: str, edge: str, position: int, last_edges: dict[str, int]) -> tuple[str, int]:
    """Return kind and end of what begins with $tag$; without a second $tag$ it is but a dollar sign."""
    if last_edges[edge] < position:
        return "symbol", position - len(edge) + 1
    return "heredoc", text.index(edge, position) + len(edge)


def _comment_end(text: str, position: int) -> int:
    depth = 1
    while depth and (edge := _COMMENT_EDGE.search(text, position)):
        depth += 1 if edge.group() == "/*" else -1
        position = edge.end()
    return position if depth == 0 else len(text)


def split_statements(text: str) -> list[str]:
    """Split at semicolons outside strings and comments; pieces without any token are dropped.

    Comments inside a statement stay in it; those before its first token are dropped.
    """
    statements: list[str] = []
    start = end = -1
    for token in tokens(text):
        if token.text == ";" and token.kind == "symbol":
            if start >= 0:
                statements.append(text[start:end])
            start = -1
            continue
        start = token.start if start < 0 else start
        end = token.end
    if start >= 0:
        statements.append(text[start:end])
    return statements


def quote_string(value: str) -> str:
    r"""Write a value as a string literal: it's -> 'it\'s'."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quote_name(name: str) -> str:
    """Write a name as a quoted identifier, so that it can never be read as anything else."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
