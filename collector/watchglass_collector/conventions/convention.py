"""What a convention is: one declarative object that says under which keys a client library puts each thing.

Nothing here is SQL, and nothing of a convention becomes SQL: `span_view` renders all conventions together into tables
of literals that one fixed query looks up, so a convention more costs next to nothing at run time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

MODEL_CALLS = ("chat", "text_completion", "generate_content", "embeddings")
OPERATIONS = (*MODEL_CALLS, "retrieval", "execute_tool", "invoke_agent", "invoke_workflow", "chain")

TEXTS = (
    "provider_name",
    "request_model",
    "response_model",
    "response_id",
    "agent_name",
    "tool_name",
    "tool_call_id",
    "tool_call_arguments",
    "tool_call_result",
    "system_instructions",
    "tool_definitions",
    "retrieval_documents",
    "conversation_id",
    "user_id",
    "prompt_name",
    "prompt_version",
    "reference_text",
)
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
    "input",
    "output",
    "step_name",
    "step_input",
    "step_output",
    "parameters",
    "finish_reasons",
    "error_type",
)
"""Fields that are no column of their own.

- operation: what the span is about, in the convention's words.
- input, output: message lists as JSON, in the semantic conventions' schema or the providers' own.
- step_name: the name of the tool or the agent, on spans that are about one.
- step_input, step_output: whatever went in and out, of any form: a tool's arguments and result, else messages.
- parameters: JSON object of request parameters under OpenAI's names.
- finish_reasons: JSON list of words, or one word.
- error_type: what went wrong, where the span says so.
"""

_MESSAGE = ("role", "content", "tool_call_id", "finish_reason", "part_text", "part_uri")
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
counts items, the second counts parts or tool calls in a message. `definition` is a whole tool as JSON.
"""

FIELDS = (*TEXTS, *COUNTS, *NUMBERS, *HELPERS, *(f"{name}.{part}" for name, parts in LISTS.items() for part in parts))
"""Every field that a convention may give keys for."""


@dataclass(frozen=True, slots=True)
class Convention:
    """How one family of clients writes down a model call.

    Attributes:
        name: Value of `llm_calls.convention`.
        attributes: A span that carries one of these keys is of this convention.
        scopes: A span of one of these instrumentation scopes is of this convention.
        operations: The convention's own words for an operation -> ours. Ours need no entry.
        default_operation: For a span that names no operation, or one nobody knows.
        fields: One of `FIELDS` -> keys of span attributes; the first that holds something wins.
        first_token_events: Span events that mark the first token of a stream.

    Raises:
        ValueError: An unknown field or operation, a key given twice; the message names it and the known ones.
    """

    name: str
    attributes: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    operations: Mapping[str, str] = field(default_factory=dict)
    default_operation: str = "chain"
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    first_token_events: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = [name for name in self.fields if name not in FIELDS]
        if unknown:
            raise ValueError(f"convention {self.name}: unknown field {unknown[0]!r}; known: {', '.join(FIELDS)}")
        keys = [key for sources in self.fields.values() for key in sources]
        if len(keys) != len(set(keys)):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"convention {self.name}: key {twice!r} stands under two fields")
        foreign = {*self.operations.values(), self.default_operation} - {*OPERATIONS}
        if foreign:
            raise ValueError(f"convention {self.name}: unknown operation {foreign}; known: {', '.join(OPERATIONS)}")
