"""SQL that turns every spelling of a conversation into one: `[{"role", "parts": [{"type", …}], "finish_reason"?}]`.

The expressions never fail: text that is not what it claims to be becomes the text of a message. They name what they
use twice by mapping over a list of tuples, because ClickHouse analyses every copy of a subexpression on every insert.
"""

from collections.abc import Sequence

from watchglass_collector.conventions.parts import message, text_part
from watchglass_collector.conventions.providers import elements, provider_messages
from watchglass_collector.conventions.sql import level, quote

_PARTS = "parts Array(Tuple(type String, content String))"
MESSAGES_TYPE = f"Array(Tuple(role String, finish_reason String, {_PARTS}))"
"""What `JSONExtract` reads a message list as. Whatever is not of this shape is simply not there."""

_HEX = "[0-9a-fA-F]"
_LONE_SURROGATES = (
    rf"(\\\\|\\u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}})"  # kept: an escaped backslash, a pair
    rf"|\\u[dD][89a-fA-F]{_HEX}{{2}}"
)


def text_message(role: str, text: str) -> str:
    """JSON of a list with one message of one text part; '' for an empty text."""
    spoken = message(role, f"[{text_part(f'toJSONString({text})')}]")
    return f"if({text} = '', '', concat('[', {spoken}, ']'))"


def repaired(json: str) -> str:
    """JSON text with the two faults clients really send mended: halves of surrogate pairs, invalid UTF-8."""
    mended = f"replaceRegexpAll(toValidUTF8({json}), {quote(_LONE_SURROGATES)}, '\\\\1')"
    # Nearly every text has neither, and finding that out is much faster than reading it as JSON.
    is_whole = f"isValidUTF8({json}) AND position({json}, '\\\\u') = 0"
    return f"if(({is_whole}) OR isValidJSON({json}), {json}, {mended})"


def plain(json: str) -> str:
    """The text of a JSON string, else the text itself."""
    return f"if(startsWith({json}, '\"') AND isValidJSON({json}), JSONExtractString({json}), {json})"


def texts(messages: str) -> str:
    """Array(String): the text of each message of a list read as `MESSAGES_TYPE`, '' for none; a refusal is text."""
    spoken = "arrayMap(p -> p.content, arrayFilter(p -> p.type IN ('text', 'refusal'), m.parts))"
    return f"arrayMap(m -> arrayStringConcat({spoken}, '\\n'), {messages})"


def last_user_text(messages: str) -> str:
    """The text of the last user turn that has any."""
    users = f"arrayFilter(m -> m.role IN ('user', 'human'), {messages})"
    return f"arrayLast(t -> t != '', {texts(users)})"


def all_text(messages: str) -> str:
    """The texts of all messages, a line each."""
    return f"arrayStringConcat(arrayFilter(t -> t != '', {texts(messages)}), '\\n')"


def system_parts(text: str) -> str:
    """System instructions as a JSON list of parts, from such a list or from plain text."""
    wrapped = f"concat('[', {text_part(f'toJSONString({plain(text)})')}, ']')"
    return f"multiIf({text} = '', '', startsWith({text}, '[') AND isValidJSON({text}), {text}, {wrapped})"


def read(rows: str, keep: Sequence[str], written: str) -> str:
    """Rows with what conversations say.

    Adds `mended`, the JSON; `said`, each list as `MESSAGES_TYPE`; `is_canonical`, 1 where a list is in the
    conventions' own form, or is none.

    Args:
        rows: A SELECT.
        keep: Names of its columns to pass on.
        written: Array(String) expression: message lists in whatever form, '' for none.
    """
    listed = f"arrayMap(x -> JSONExtract(x, {quote(MESSAGES_TYPE)}), mended)"
    # A part with a list inside is OpenLIT's.
    plain_parts = "NOT arrayExists(p -> startsWith(p.content, '[{'), m.parts)"
    own_form = f"notEmpty(l) AND arrayAll(m -> m.role != '' AND notEmpty(m.parts) AND {plain_parts}, l)"
    mended = level(rows, keep, {"mended": f"arrayMap(x -> {repaired('x')}, {written})"})
    said = level(mended, [*keep, "mended"], {"said": listed})
    form = f"arrayMap((x, l) -> x = '' OR {own_form}, mended, said)"
    return level(said, [*keep, "mended", "said"], {"is_canonical": form})


def rebuilt(rows: str, keep: Sequence[str], roles: str) -> str:
    """Rows that `read` gave, with every list in the conventions' own form.

    Adds `canonical`, the JSON, and `meant`, each list as `MESSAGES_TYPE`.

    Args:
        rows: A SELECT that `read` gave.
        keep: Names of its columns to pass on.
        roles: Array(String) expression: who is speaking in each list where it does not say.
    """
    listed = f"concat('[', arrayStringConcat({provider_messages(elements('x', 'r'), 'r')}, ','), ']')"
    canonical = f"arrayMap((x, c, r) -> if(c, x, {listed}), mended, is_canonical, {roles})"
    again = f"arrayMap((x, c, l) -> if(c, l, JSONExtract(x, {quote(MESSAGES_TYPE)})), canonical, is_canonical, said)"
    below = level(rows, [*keep, "is_canonical", "said"], {"canonical": canonical})
    return level(below, [*keep, "canonical"], {"meant": again})
