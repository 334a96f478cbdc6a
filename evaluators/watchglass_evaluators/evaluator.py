"""What an evaluator is, what it is given and what it returns.

EvaluatorUnavailable   it cannot run now (no weights, no key, no library): its calls wait, nothing is lost
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, get_args, runtime_checkable

Column = Literal[
    "prompt_text",
    "response_text",
    "context_text",
    "reference_text",
    "output_messages",
    "tool_definitions",
    "output_schema",
    "tool_call_arguments",
    "tool_call_result",
]
Level = Literal["call", "trace", "session"]
Direction = Literal["higher_is_better", "lower_is_better", "neutral"]
Source = Literal["code", "model", "judge"]
Device = Literal["cpu", "gpu"]

_EPOCH = datetime.fromtimestamp(0, UTC)
COLUMNS: tuple[Column, ...] = get_args(Column)


class EvaluatorUnavailable(Exception):
    """The evaluator cannot run now; the message says what it waits for and what would bring it.

    Raised by a constructor or by `score`. The runner shows the message, leaves the calls for later and tries again.
    """


@dataclass(frozen=True, slots=True)
class ScoreSpec:
    """One score that an evaluator gives to every call."""

    name: str
    """Name in the `scores` table, `family_metric`, for example "rouge_l"."""
    direction: Direction
    """Which way is better; "neutral" where neither is."""
    lowest: float
    """The smallest value it can have; minus infinity allowed."""
    highest: float
    """The largest value it can have; infinity allowed."""
    unit: str
    """What a value of 1 is, for example "characters" or "probability"."""


@dataclass(frozen=True, slots=True)
class EvaluatorSpec:
    """What an evaluator declares about itself, known before its libraries or weights are loaded."""

    name: str
    """Name in the registry and in the column `evaluator`."""
    version: str
    """Changes whenever the same call could score differently: each version is a series of its own. Never empty."""
    columns: tuple[Column, ...]
    """The texts it needs. A call where one of them is absent is skipped, not scored; steps of a trace may lack them."""
    scores: tuple[ScoreSpec, ...]
    """The scores it gives, all of them to every call, in this order."""
    source: Source = "code"
    """How the value comes about: by rule or formula, by a statistical model, or by a language model's judgement."""
    batch_size: int = 256
    """The most calls it wants at once."""
    device: Device = "cpu"
    """Where it runs best."""
    cost_usd_per_call: float = 0.0
    """An upper estimate in US dollars; 0 = only this machine's time."""
    optional: tuple[Column, ...] = ()
    """The texts it also reads where they are there."""
    longest_text: int = 200_000
    """Longest text in characters that it is given; a call with a longer one is unscored, with that as the reason."""
    level: Level = "call"
    """What one score is about: a call, a whole trace, or all calls of a conversation_id."""
    operations: tuple[str, ...] = ()
    """Operations of the calls it scores, for example ("execute_tool",); empty = those of the settings. A trace or
    session has all of its operations as steps."""
    most_steps: int = 1_000
    """Longest trace or session in calls that it is given; a longer one is unscored, with that as the reason."""


@dataclass(frozen=True, slots=True)
class Call:
    """One model call as an evaluator sees it, or a whole trace or session. A text that was not captured is ''.

    A trace or session is a Call with `steps`: its prompt is that of its first step that has one, its answer that of its
    last, other texts are ''; service, environment, model and the like are those of its first step.
    """

    trace_id: str = ""
    """32 lower-case hex digits; '' for a session."""
    span_id: str = ""
    """16 lower-case hex digits; '' for a trace or session."""
    prompt_text: str = ""
    """The last user turn."""
    response_text: str = ""
    """The answer."""
    context_text: str = ""
    """What was retrieved for it."""
    reference_text: str = ""
    """The golden answer, sent with the call or found by its prompt."""
    output_messages: str = ""
    """The answer with its tool calls: JSON in the message schema of the OpenTelemetry GenAI convention."""
    tool_definitions: str = ""
    """The tools the model was offered: JSON, a list."""
    output_schema: str = ""
    """The form the answer was asked to have: JSON, a schema or a response_format."""
    start_time: datetime = _EPOCH
    """When the call began."""
    service_name: str = ""
    """`service.name` of the application."""
    environment: str = ""
    """`deployment.environment.name` of the application."""
    model: str = ""
    """The model that answered, or else the one that was asked for."""
    prompt_name: str = ""
    """Name of the prompt template."""
    prompt_version: str = ""
    """Version of the prompt template."""
    error_type: str = ""
    """Not empty: the call failed. Empty for a trace or session, whose steps may have failed."""
    operation_name: str = ""
    """chat, execute_tool, invoke_agent and so on, as in `llm_calls`."""
    tool_name: str = ""
    """The tool that was called."""
    tool_call_arguments: str = ""
    """What it was called with, JSON or text."""
    tool_call_result: str = ""
    """What it answered, JSON or text."""
    project: str = ""
    """Whose API key it came with, or else what the application calls itself."""
    key_project: str = ""
    """The project of the API key, '' = none. Ids are made by clients: with this they say which call."""
    conversation_id: str = ""
    """The session that it belongs to."""
    duration_s: float = 0.0
    """How long it took, in seconds; of a trace or session, from its first start to its last end."""
    parent_span_id: str = ""
    """The span that it is part of; '' = the trace's root."""
    steps: tuple["Call", ...] = ()
    """The calls of a trace or session, in order of their start; empty for a call."""

    @property
    def id(self) -> tuple[str, str, str]:
        """(trace_id, span_id, key_project) of a call or trace; (conversation_id, '', key_project) of a session."""
        return self.trace_id or self.conversation_id, self.span_id, self.key_project

    def text(self, column: Column) -> str:
        """Return the text of one column."""
        value: str = getattr(self, column)
        return value

    def with_texts(self, texts: Mapping[Column, str]) -> "Call":
        """Return this call with some of its texts replaced."""
        columns: dict[str, Any] = dict(texts.items())
        return replace(self, **columns)


@dataclass(frozen=True, slots=True)
class Score:
    """One value, or the reason why there is none."""

    name: str
    """One of the names in the evaluator's spec."""
    value: float | None
    """Finite and inside the spec's range; None = unscored, never a made-up number."""
    reason: str = ""
    """Why it is unscored. Not empty exactly when value is None."""
    label: str = ""
    """A word for the value where there is one, for example "refusal"."""
    explanation: str = ""
    """What led to it, for a person."""
    statistics: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    """Sums that the value is made of, where those of many calls add up to a value over all of them; see `bleu`."""
    cost_usd: float = field(default=0.0, kw_only=True)
    """What this score cost."""
    selection_probability: float = field(default=1.0, kw_only=True)
    """Chance that this call was chosen to be scored, above 0: an estimate over all calls weighs it by 1 / this."""


@runtime_checkable
class Evaluator(Protocol):
    """Anything with a spec and a `score`. Its constructor takes nothing and is fast: heavy imports wait for `score`."""

    @property
    def spec(self) -> EvaluatorSpec:
        """What it declares about itself."""
        ...

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Score a batch: for every call, in order, one Score for each of `spec.scores`, in order.

        At the levels "trace" and "session" every element stands for a whole one, and its calls are in `steps`.

        The same calls must give the same scores, alone or in any batch. Raising fails the batch; it is then tried in
        halves, so that only the calls which raise alone end with an error.

        Raises:
            EvaluatorUnavailable: it cannot run now; the calls wait.
        """
        ...


@runtime_checkable
class Selective(Protocol):
    """An evaluator that chooses among the calls it could score; the others are skipped."""

    def select(self, calls: Sequence[Call], *, is_last: bool) -> list[Call]:
        """Choose calls, in order. A call that is left out comes again with `is_last`, and then never."""
        ...
