"""SQL that puts lists together again which clients spread over numbered keys.

Works on entries `(meaning, number, inner number, text)`. They are sorted once and split where the item changes, so the
cost grows with the list and not with its square.
"""

from watchglass_collector.conventions.convention import LISTS
from watchglass_collector.conventions.lookup import LIST_SPAN, PRIORITIES, meaning
from watchglass_collector.conventions.messages import message, text_part, tool_call, tool_call_response
from watchglass_collector.conventions.sql import quote, strings

_CONVERSATIONS = 2
"""The first lists are messages; the others are lists of objects."""


def listed(entries: str) -> str:
    """Array of (list, JSON of an item), in the order of the items.

    Args:
        entries: Expression of the entries.
    """
    item = f"intDiv(e.1, {LIST_SPAN}) * 65536 + e.2"
    ordered = f"arraySort(e -> ({item}, e.1, e.3), arrayFilter(e -> e.1 >= {LIST_SPAN}, {entries}))"
    # One lambda argument names what is used twice: ClickHouse analyses every copy of an expression.
    parts = f"arrayMap(e -> (intDiv(e.1 % {LIST_SPAN}, {PRIORITIES}), e.3, e.4, intDiv(e.1, {LIST_SPAN})), s)"
    groups = f"arrayMap(s -> arraySplit((p, d) -> d != 0, {parts}, arrayDifference(arrayMap(e -> {item}, s))), [{ordered}])[1]"
    return f"arrayMap(g -> (g[1].4, if(g[1].4 <= {_CONVERSATIONS}, {_message('g')}, {_object('g')})), {groups})"


def list_json(number: int, items: str) -> str:
    """JSON of one list, '' when it has no item."""
    own = f"arrayFilter(i -> i.1 = {number}, {items})"
    return f"if(empty({own}), '', concat('[', arrayStringConcat({own}.2, ','), ']'))"


def _part(name: str) -> int:
    return meaning(f"input_messages.{name}") % LIST_SPAN // PRIORITIES


def _message(parts: str) -> str:
    """SQL: one message from its parts (kind, inner number, text)."""

    def value(name: str, among: str = parts) -> str:
        return f"arrayFirst(p -> p.1 = {_part(name)}, {among}).3"

    def json(name: str, among: str = parts) -> str:
        return f"toJSONString({value(name, among)})"

    several = f"arraySort(p -> p.2, arrayFilter(p -> p.1 IN ({_part('part_text')}, {_part('part_uri')}), {parts}))"
    image = """concat('{"type":"uri","modality":"image","uri":', toJSONString(p.3), '}')"""
    part = f"if(p.1 = {_part('part_uri')}, {image}, {text_part('toJSONString(p.3)')})"
    one = f"if({value('content')} = '', [], [{text_part(json('content'))}])"
    answer = f"[{tool_call_response(json('tool_call_id'), json('content'))}]"
    spoken = f"if({value('tool_call_id')} != '', {answer}, firstNonDefault(arrayMap(p -> {part}, {several}), {one}))"
    asked = f"arraySort(p -> p.2, arrayFilter(p -> p.1 >= {_part('call_id')}, {parts}))"
    calls = f"arrayMap(s -> arraySplit((p, d) -> d != 0, s, arrayDifference(s.2)), [{asked}])[1]"
    call = tool_call(*(json(name, "c") for name in ("call_id", "call_name", "call_arguments")))
    all_parts = f"arrayConcat({spoken}, arrayMap(c -> {call}, arrayFilter(c -> notEmpty(c), {calls})))"
    speaker = f"firstNonDefault({value('role')}, if(g[1].4 = 1, 'user', 'assistant'))"
    return message(speaker, all_parts, value("finish_reason"))


def _object(parts: str) -> str:
    """SQL: one object from its parts: `{"id": …, "content": …}`; a part that is JSON itself stays JSON."""
    names = [
        (place + 1, index + 1, name) for place, parts in enumerate(LISTS.values()) for index, name in enumerate(parts)
    ]
    objects = [entry for entry in names if entry[0] > _CONVERSATIONS]
    codes = [place * 64 + index for place, index, _ in objects]
    name = f"transform(p.4 * 64 + p.1, {codes}, {strings(name for _, _, name in objects)}, '')"
    texts = "('id', 'content', 'name', 'description')"
    bound = f"arrayMap(p -> ({name}, p.3), {parts})"
    json = f"if(n.1 NOT IN {texts} AND isValidJSON(n.2), n.2, toJSONString(n.2))"
    whole = f"n.1 = {quote('definition')}"
    members = f"arrayMap(n -> if({whole}, {json}, concat(toJSONString(n.1), ':', {json})), {bound})"
    joined = f"arrayStringConcat({members}, ',')"
    return f"if({parts}[1].1 = 1 AND {parts}[1].4 = {list(LISTS).index('tool_definitions') + 1}, {joined}, concat('{{', {joined}, '}}'))"
