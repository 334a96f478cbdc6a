"""SQL that writes JSON of messages and of their parts, in the semantic conventions' schema."""


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
