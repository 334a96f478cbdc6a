"""How calls are found by their text: the pieces that hold the words first, by the text index, then those calls.

`llm_call_parts` has a text index on `TEXT`. A piece is looked for without merging pieces, which is what makes a search
over millions of calls quick; what is found is read from `llm_calls` by its key.
"""

import re
from typing import Any, Final

_TOKEN: Final = re.compile(r"[a-z0-9]+")
"""What the index's tokenizer, splitByNonAlpha, takes for a word of ASCII."""

TEXT = (
    "lowerUTF8(concat(ifNull(prompt_text, ''), '\\n', ifNull(response_text, ''), '\\n', "
    "ifNull(tool_call_arguments, ''), '\\n', arrayStringConcat(event_messages.text, '\\n')))"
)
"""The expression of `idx_text` in schema/0002_llm_calls.sql; the index is used for this expression only."""


def matching(search: str, where: str, most: str) -> tuple[str, dict[str, Any]]:
    """A SELECT of the keys (hour, trace_id, span_id, project) of calls that hold every word, and its parameters.

    Words are found whole, case ignored, in prompt, answer or tool arguments. Writing beyond ASCII may have no spaces:
    such a word is found inside others too, which takes longer. A search that is a trace id finds that trace.

    Args:
        search: what somebody typed, not empty.
        where: condition on `hour`, from our code.
        most: placeholder of the most matches, the newest hours first.
    """
    words = search.lower().split()
    whole = sorted({token for word in words if word.isascii() for token in _TOKEN.findall(word)})
    inside = [word for word in words if not _TOKEN.fullmatch(word)]
    conditions = [f"hasAllTokens({TEXT}, {{words:Array(String)}})"] if whole else []
    conditions += [f"{TEXT} LIKE {{word_{place}:String}}" for place in range(len(inside))]
    parameters: dict[str, Any] = {f"word_{place}": f"%{_literal(word)}%" for place, word in enumerate(inside)}
    sql = (
        f"SELECT hour, trace_id, span_id, project FROM llm_call_parts WHERE {where} AND {' AND '.join(conditions)} "
        f"ORDER BY hour DESC LIMIT {most} "
        f"UNION ALL SELECT hour, trace_id, span_id, project FROM llm_call_parts "
        f"WHERE {where} AND trace_id = {{as_id:String}}"
    )
    return sql, {**parameters, "words": whole, "as_id": search.lower()}


def _literal(word: str) -> str:
    """As a pattern of LIKE that matches just this."""
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
