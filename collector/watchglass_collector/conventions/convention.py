"""What a convention is: one declarative object that says under which keys a client library puts each thing.

Nothing here is SQL, and nothing of a convention becomes SQL: `span_view` renders all conventions together into tables
of literals that one fixed query looks up, so a convention more costs next to nothing at run time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

MODEL_CALLS = ("chat", "text_completion", "generate_content", "embeddings")
OPERATIONS = (*MODEL_CALLS, "retrieval", "execute_tool", "invoke_agent", "invoke_workflow", "chain")

WORDS = (
    "provider_name",
    "request_model",
    "response_model",
    "response_id",
    "agent_name",
    "tool_name",
    "tool_call_id",
    "conversation_id",
    "user_id",
    "prompt_name",
    "prompt_version",
)
"""Columns that hold a name or an id: a JSON string is unpacked, the words null and None are nothing."""

DOCUMENTS = (
    "tool_call_arguments",
    "tool_call_result",
    "system_instructions",
    "tool_definitions",
    "retrieval_documents",
    "reference_text",
    "output_schema",
)
TEXTS = (*WORDS, *DOCUMENTS)
COUNTS = (
    "request_max_tokens",
    "usage_input_tokens",
    "usage_output_tokens",
    "usage_cache_read_input_tokens",
    "usage_cache_write_input_tokens",
    "usage_reasoning_output_tokens",
)
NUMBERS = ("request_temperature", "request_top_p", "time_to_first_token_s", "cost_usd")

HELPERS = (
    "operation",
    "step_name",
    "finish_reasons",
    "error_type",
    "is_streaming",
    "first_token_ms",
    "first_token_at",
)
"""Words that are no column of their own.

- operation: what the span is about, in the convention's words.
- step_name: the name of the tool or the agent, on spans that are about one.
- finish_reasons: JSON list of words, or one word.
- error_type: what went wrong, where the span says so.
- is_streaming: whether the answer came in pieces. Where it did not, a time to its first token means nothing.
- first_token_ms, first_token_at: milliseconds to the first token, or the time of day it came.
"""

BODIES = ("input", "output", "events", "step_input", "step_output", "error_message")
"""Texts that are no column of their own.

- input, output: message lists as JSON, in the semantic conventions' schema or the providers' own.
- events: one JSON list with what went in and what came out, a member `event.name` telling which is which.
- step_input, step_output: whatever went in and out, of any form: a tool's arguments and result, else messages.
- error_message: said where the span's status has no text.
"""

_MESSAGE = ("role", "content", "tool_call_id", "finish_reason", "reasoning", "calls", "part_text", "part_uri")
_CALL = ("call_id", "call_name", "call_arguments")
_DOCUMENT = ("id", "content", "score", "metadata")
_TOOL = ("definition", "name", "description", "parameters")
LISTS: dict[str, tuple[str, ...]] = {
    "input_messages": (*_MESSAGE, *_CALL),
    "output_messages": (*_MESSAGE, *_CALL),
    "retrieval_documents": _DOCUMENT,
    "tool_definitions": _TOOL,
}
"""Fields that clients spread over numbered keys -> what one item of the list is made of: `input_messages.role`.

The key is then a pattern in which `#` stands for each number: `gen_ai.prompt.#.tool_calls.#.name`. The first number
counts items, the second counts parts or tool calls in a message. A key without a number is of the first item.
`calls` is a JSON list of tool calls, `definition` a whole tool as JSON.
"""

SHORT = (*WORDS, *COUNTS, *NUMBERS, *HELPERS)
FIELDS = (*SHORT, *DOCUMENTS, *BODIES, *(f"{name}.{part}" for name, parts in LISTS.items() for part in parts))
"""Every field that a convention may give keys for, the words and numbers first."""


@dataclass(frozen=True, slots=True)
class Convention:
    """How one family of clients writes down a model call.

    Attributes:
        name: Value of `llm_calls.convention`.
        attributes: A span that carries one of these keys is of this convention.
        scopes: A span of one of these instrumentation scopes is of this convention.
        foreign_scopes: Spans of these scopes are about no model, whatever their attributes are called, unless one of
            `attributes` says so.
        operations: The convention's own words for an operation -> ours. Ours need no entry.
        default_operation: For a span that names no operation, or one nobody knows.
        fields: One of `FIELDS` -> keys of span attributes; the first that holds something wins.
        objects: Keys whose text is a small object, JSON or as Python prints it. Its words and numbers, at any depth,
            are read as if they were attributes of their own: `key.member`.
        endings: Like fields, but by the last word of a key, in lower case. For the one convention that reads what
            nobody recognises.
        invented: Field -> values that the client writes down when the app has set none.
        is_named_by_span: The span's name is the name of the tool or the agent.
        first_token_events: Span events that mark the first token of a stream.

    Raises:
        ValueError: An unknown field or operation, a key given twice; the message names it and the known ones.
    """

    name: str
    attributes: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    foreign_scopes: tuple[str, ...] = ()
    operations: Mapping[str, str] = field(default_factory=dict)
    default_operation: str = "chain"
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    objects: tuple[str, ...] = ()
    endings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    invented: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_named_by_span: bool = False
    first_token_events: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = [name for name in (*self.fields, *self.endings, *self.invented) if name not in FIELDS]
        if unknown:
            raise ValueError(f"convention {self.name}: unknown field {unknown[0]!r}; known: {', '.join(FIELDS)}")
        keys = [key for sources in self.fields.values() for key in sources]
        if len(keys) != len(set(keys)):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"convention {self.name}: key {twice!r} stands under two fields")
        foreign = {*self.operations.values(), self.default_operation} - {*OPERATIONS}
        if foreign:
            raise ValueError(f"convention {self.name}: unknown operation {foreign}; known: {', '.join(OPERATIONS)}")
