"""SQL that puts lists together again which clients spread over numbered keys.

The entries of all lists are sorted once and split where the item changes, so the cost grows with the lists and not with
their square.
"""

from watchglass_collector.conventions.convention import LISTS
from watchglass_collector.conventions.lookup import LIST_SPAN, PRIORITIES, meaning
from watchglass_collector.conventions.parts import message, text_part, tool_call, tool_call_response
from watchglass_collector.conventions.providers import provider_calls
from watchglass_collector.conventions.sql import quote, strings

_CONVERSATIONS = 2
"""The first lists are messages; the others are lists of objects."""

_PLAIN = ("id", "content", "name", "description")
"""Members of objects that are text even where they look like JSON."""


def listed(entries: str) -> str:
    """Array of (list, JSON of an item), in the order of the items.

    Args:
        entries: Array expression: (meaning, key, text) of each attribute that means something.
    """
    number = r"toUInt16OrZero(extract(e.2, '\\.(\\d+)'))"
    inner = r"toUInt16OrZero(extract(e.2, '\\.\\d+\\D+\\.(\\d+)'))"
    # (item, part, inner number, list, text): one sort brings the parts of an item together, and these in order.
    entry = (
        f"(intDiv(e.1, {LIST_SPAN}) * 65536 + {number}, intDiv(e.1 % {LIST_SPAN}, {PRIORITIES}), {inner}, "
        f"intDiv(e.1, {LIST_SPAN}), e.3)"
    )
    ordered = f"arraySort(arrayMap(e -> {entry}, arrayFilter(e -> e.1 >= {LIST_SPAN}, {entries})))"
    groups = f"arrayMap(s -> arraySplit((e, d) -> d != 0, s, arrayDifference(s.1)), [{ordered}])[1]"
    item = f"if(g[1].4 <= {_CONVERSATIONS}, {_message('g')}, {_object('g')})"
    return f"arrayMap(g -> (g[1].4, {item}), arrayFilter(g -> notEmpty(g), {groups}))"


def list_json(number: int, items: str) -> str:
    """JSON of one list, '' when it has no item."""
    own = f"arrayFilter(i -> i.1 = {number}, {items})"
    return f"if(empty({own}), '', concat('[', arrayStringConcat({own}.2, ','), ']'))"


def _part(name: str) -> int:
    return meaning(f"input_messages.{name}") % LIST_SPAN // PRIORITIES


def _message(parts: str) -> str:
    """SQL: one message from its parts."""

    def value(name: str, among: str = parts) -> str:
        return f"arrayFirst(p -> p.2 = {_part(name)}, {among}).5"

    def json(name: str, among: str = parts) -> str:
        return f"toJSONString({value(name, among)})"

    def said(name: str) -> str:
        return f"arrayFilter(t -> t != '', [{value(name)}])"

    # Each of several content parts and of several calls comes with its own inner number.
    several = f"arraySort(p -> p.3, arrayFilter(p -> p.2 IN ({_part('part_text')}, {_part('part_uri')}), {parts}))"
    image = """concat('{"type":"uri","modality":"image","uri":', toJSONString(p.5), '}')"""
    part = f"if(p.2 = {_part('part_uri')}, {image}, {text_part('toJSONString(p.5)')})"
    one = f"if({value('content')} = '', [], [{text_part(json('content'))}])"
    answer = f"[{tool_call_response(json('tool_call_id'), json('content'))}]"
    spoken = f"if({value('tool_call_id')} != '', {answer}, firstNonDefault(arrayMap(p -> {part}, {several}), {one}))"
    asked = f"arraySort(p -> p.3, arrayFilter(p -> p.2 >= {_part('call_id')}, {parts}))"
    calls = f"arrayMap(s -> arraySplit((p, d) -> d != 0, s, arrayDifference(s.3)), [{asked}])[1]"
    call = tool_call(*(json(name, "c") for name in ("call_id", "call_name", "call_arguments")))
    thought = (
        f"""arrayMap(t -> concat('{{"type":"reasoning","content":', toJSONString(t), '}}'), {said("reasoning")})"""
    )
    together = f"arrayFlatten(arrayMap(t -> {provider_calls('JSONExtractArrayRaw(t)')}, {said('calls')}))"
    one_by_one = f"arrayMap(c -> {call}, arrayFilter(c -> notEmpty(c), {calls}))"
    all_parts = f"arrayConcat({thought}, {spoken}, {one_by_one}, {together})"
    speaker = f"firstNonDefault({value('role')}, if({parts}[1].4 = 1, 'user', 'assistant'))"
    return message(speaker, all_parts, value("finish_reason"))


def _object(parts: str) -> str:
    """SQL: one object from its parts: `{"id": …, "content": …}`; a part that is JSON itself stays JSON."""
    names = {
        (place + 1) * PRIORITIES + index + 1: name
        for place, members in enumerate(LISTS.values())
        if place >= _CONVERSATIONS
        for index, name in enumerate(members)
    }
    name = f"transform(p.4 * {PRIORITIES} + p.2, {list(names)}, {strings(names.values())}, '')"
    json = f"if(n.1 NOT IN ({', '.join(map(quote, _PLAIN))}) AND isValidJSON(n.2), n.2, toJSONString(n.2))"
    members = f"arrayMap(n -> concat(toJSONString(n.1), ':', {json}), arrayMap(p -> ({name}, p.5), {parts}))"
    whole = f"if(isValidJSON({parts}[1].5), {parts}[1].5, toJSONString({parts}[1].5))"
    is_whole = f"transform({parts}[1].4 * {PRIORITIES} + {parts}[1].2, {list(names)}, {strings(names.values())}, '')"
    return f"if({is_whole} = 'definition', {whole}, concat('{{', arrayStringConcat({members}, ','), '}}'))"
