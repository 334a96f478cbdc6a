"""SQL that turns every spelling of a conversation into one: `[{"role", "parts": [{"type", …}], "finish_reason"?}]`.

The expressions never fail: text that is not what it claims to be becomes the text of a message. They name what they
use twice by mapping over a list of tuples, because ClickHouse analyses every copy of a subexpression on every insert.
"""

from collections.abc import Sequence

from watchglass_collector.conventions.sql import level, quote

_PARTS = "parts Array(Tuple(type String, content String))"
MESSAGES_TYPE = f"Array(Tuple(role String, finish_reason String, {_PARTS}))"
"""What `JSONExtract` reads a message list as. Whatever is not of this shape is simply not there."""

_HEX = "[0-9a-fA-F]"
_LONE_SURROGATES = (
    rf"(\\\\|\\u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}})"  # kept: an escaped backslash, a pair
    rf"|\\u[dD][89a-fA-F]{_HEX}{{2}}"
)


def text_part(text: str) -> str:
    """JSON of a text part, from a JSON string expression."""
    return f"""concat('{{"type":"text","content":', {text}, '}}')"""


def message(role: str, parts: str, finish_reason: str = "''") -> str:
    """JSON of a message.

    Args:
        role: String expression.
        parts: Array(String) expression, JSON of each part.
        finish_reason: String expression; '' = none.
    """
    reason = (
        ""
        if finish_reason == "''"
        else f""", if({finish_reason} = '', '', concat(',"finish_reason":', toJSONString({finish_reason})))"""
    )
    said = f"arrayStringConcat({parts}, ',')"
    return f"""concat('{{"role":', toJSONString({role}), ',"parts":[', {said}, ']'{reason}, '}}')"""


def text_message(role: str, text: str) -> str:
    """JSON of a list with one message of one text part; '' for an empty text."""
    spoken = message(role, f"[{text_part(f'toJSONString({text})')}]")
    return f"if({text} = '', '', concat('[', {spoken}, ']'))"


def tool_call(identity: str, name: str, arguments: str) -> str:
    """JSON of a tool call part.

    Args:
        identity: JSON expression of the call's id, '' = none.
        name: JSON expression of the function's name, '' = none.
        arguments: JSON expression; a JSON string that itself holds a JSON object is unpacked.
    """
    unpacked = f"if(startsWith({arguments}, '\"{{') AND isValidJSON({arguments}), JSONExtractString({arguments}), '')"
    value = f"firstNonDefault(if(isValidJSON({unpacked}), {unpacked}, ''), {arguments}, 'null')"
    return (
        f"""concat('{{"type":"tool_call","id":', firstNonDefault({identity}, 'null'), """
        f"""',"name":', firstNonDefault({name}, '""'), ',"arguments":', {value}, '}}')"""
    )


def tool_call_response(identity: str, response: str) -> str:
    """JSON of a tool call's response part, both arguments JSON expressions, '' = none."""
    return (
        f"""concat('{{"type":"tool_call_response","id":', firstNonDefault({identity}, 'null'), """
        f"""',"response":', firstNonDefault({response}, 'null'), '}}')"""
    )


def _provider_part(json: str) -> str:
    """SQL: one element of a `content` list, in OpenAI's or Anthropic's form, as a part."""
    raw = {name: f"JSONExtractRaw({json}, '{name}')" for name in ("text", "content", "thinking", "id", "name", "input")}
    said = f"firstNonDefault({raw['text']}, {raw['content']}, {raw['thinking']}, '\"\"')"
    kind = f"JSONExtractString({json}, 'type')"
    reasoning = f"""concat('{{"type":"reasoning","content":', {said}, '}}')"""
    response = tool_call_response(f"JSONExtractRaw({json}, 'tool_use_id')", raw["content"])
    return (
        f"multiIf(startsWith({json}, '\"'), {text_part(json)}, "
        f"{kind} IN ('text', 'input_text', 'output_text'), {text_part(said)}, "
        f"{kind} IN ('thinking', 'reasoning'), {reasoning}, "
        f"{kind} = 'tool_use', {tool_call(raw['id'], raw['name'], raw['input'])}, {kind} = 'tool_result', {response}, "
        f"{kind} != '', {json}, {text_part(f'toJSONString({json})')})"
    )


def provider_messages(elements: str, role: str, finish_reason: str = "''") -> str:
    """Array(String): each element as JSON of a message in the conventions' own form.

    Args:
        elements: Array(String) expression, JSON of messages: with `parts`, or `role`, `content`, `tool_calls`,
            `tool_call_id` as OpenAI has them; or any other JSON, which is then the text of a message.
        role: String expression, used where an element names none.
        finish_reason: String expression, used where an element names none.
    """
    bound = (
        "arrayMap(x -> (x, "
        f"firstNonDefault(JSONExtractString(x, 'role'), {role}), "
        f"if(startsWith(x, '{{'), JSONExtractRaw(x, 'content'), x), "
        f"firstNonDefault(JSONExtractString(x, 'finish_reason'), {finish_reason}), "
        f"JSONExtractArrayRaw(x, 'tool_calls')), {elements})"
    )
    call = tool_call(
        "JSONExtractRaw(c, 'id')",
        "firstNonDefault(JSONExtractRaw(c, 'function', 'name'), JSONExtractRaw(c, 'name'))",
        "firstNonDefault(JSONExtractRaw(c, 'function', 'arguments'), JSONExtractRaw(c, 'arguments'), "
        "JSONExtractRaw(c, 'args'))",
    )
    answered = "firstNonDefault(JSONExtractRaw(m.1, 'tool_call_id'), JSONExtractRaw(m.1, 'id'))"
    # An embedding may come as the content of a choice: numbers are nobody's words.
    contents = (
        "arrayFilter(e -> startsWith(e, '{') OR startsWith(e, '\"'), "
        "if(startsWith(m.3, '['), JSONExtractArrayRaw(m.3), [m.3]))"
    )
    parts = (
        "arrayConcat(multiIf(m.3 IN ('', 'null', '\"\"'), [], "
        f"m.2 = 'tool', [{tool_call_response(answered, 'm.3')}], "
        f"arrayMap(e -> {_provider_part('e')}, {contents})), arrayMap(c -> {call}, m.5))"
    )
    named = """if(JSONHas(m.1, 'role'), m.1, concat('{"role":', toJSONString(m.2), ',', substring(m.1, 2)))"""
    return f"arrayMap(m -> if(JSONHas(m.1, 'parts'), {named}, {message('m.2', parts, 'm.4')}), {bound})"


def repaired(json: str) -> str:
    """JSON text with the two faults clients really send mended: halves of surrogate pairs, invalid UTF-8."""
    mended = f"replaceRegexpAll(toValidUTF8({json}), {quote(_LONE_SURROGATES)}, '\\\\1')"
    return f"if({json} = '' OR isValidJSON({json}), {json}, {mended})"


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
    own_form = "notEmpty(l) AND arrayAll(m -> m.role != '' AND notEmpty(m.parts), l)"
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
    elements = (
        f"multiIf(JSONType(x) = 'Array', JSONExtractArrayRaw(x), "
        f"JSONHas(x, 'content') OR JSONHas(x, 'parts'), [x], [toJSONString({plain('x')})])"
    )
    listed = f"concat('[', arrayStringConcat({provider_messages(elements, 'r')}, ','), ']')"
    canonical = f"arrayMap((x, c, r) -> if(c, x, {listed}), mended, is_canonical, {roles})"
    again = f"arrayMap((x, c, l) -> if(c, l, JSONExtract(x, {quote(MESSAGES_TYPE)})), canonical, is_canonical, said)"
    below = level(rows, [*keep, "is_canonical", "said"], {"canonical": canonical})
    return level(below, [*keep, "canonical"], {"meant": again})
