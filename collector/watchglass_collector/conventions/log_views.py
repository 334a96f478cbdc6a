"""The materialized views from `otel_logs`: messages that arrive as log events, and evaluation results.

A log event never makes a call by itself: it adds to the span it names, whichever of them arrives first.
"""

from watchglass_collector.conventions import messages
from watchglass_collector.conventions.sql import one_of, project, quote, retained, selected, stored_hour

EVENTS_NAME = "llm_calls_from_logs"
SCORES_NAME = "scores_from_logs"

DETAILS = "gen_ai.client.inference.operation.details"
EVALUATION = "gen_ai.evaluation.result"

# Event of semantic conventions 1.26 to 1.36 -> what it is to the call, and who speaks where the body does not say.
MESSAGE_EVENTS = {
    "gen_ai.system.message": ("system", "system"),
    "gen_ai.user.message": ("input", "user"),
    "gen_ai.assistant.message": ("input", "assistant"),
    "gen_ai.tool.message": ("input", "tool"),
    "gen_ai.content.prompt": ("input", "user"),
    "gen_ai.choice": ("output", "assistant"),
    "gen_ai.content.completion": ("output", "assistant"),
}

# Attribute of the one event of 1.37 and later -> the same.
DETAILS_ATTRIBUTES = {
    "gen_ai.input.messages": ("input_messages", "user"),
    "gen_ai.output.messages": ("output_messages", "assistant"),
}

_SCORE_RETENTION_DAYS = 90
_EVENT = "firstNonDefault(EventName, LogAttributes['event.name'], LogAttributes['event_name'])"
_SOURCES = ("code", "model", "judge", "human", "external")
_DIRECTIONS = ("higher_is_better", "lower_is_better", "neutral")


def event_view() -> tuple[str, str]:
    """Name and CREATE statement of the view from message events to `llm_call_parts.event_messages`."""
    names = ", ".join(map(quote, (*MESSAGE_EVENTS, DETAILS)))
    # A choice has its message as a member; the finish reason, and with some clients the tool calls, are beside it.
    beside = "".join(
        f"if(JSONHas(Body, {quote(name)}), concat('\"{name}\":', JSONExtractRaw(Body, {quote(name)}), ','), ''), "
        for name in ("finish_reason", "tool_calls")
    )
    choice = f"if(startsWith(message, '{{\"'), concat('{{', {beside}substring(message, 2)), Body)"
    element = f"if(startsWith(Body, '{{'), {choice}, if(Body = '', '', toJSONString(Body)))"
    instructions = messages.system_parts("LogAttributes['gen_ai.system_instructions']")
    rows = (
        f"SELECT Timestamp, TraceId, SpanId, {project('ResourceAttributes')} AS project, LogAttributes, "
        f"{instructions} AS instructions, {_EVENT} AS event, "
        f"JSONExtractRaw(Body, 'message') AS message, concat('[', {element}, ']') AS element\n"
        f"FROM otel_logs WHERE event IN ({names}) AND SpanId != ''"
    )
    details = ", ".join(f"LogAttributes[{quote(key)}]" for key in DETAILS_ATTRIBUTES)
    kinds = ", ".join(quote(kind) for kind, _ in DETAILS_ATTRIBUTES.values())
    written = f"if(event = {quote(DETAILS)}, [{details}], [element])"
    roles = f"if(event = {quote(DETAILS)}, ['user', 'assistant'], [{_from_event(1)}])"
    keep = ("event", "Timestamp", "TraceId", "SpanId", "project", "instructions")
    said = messages.rebuilt(messages.read(rows, keep, written), keep, roles)
    bare = f"if(event = {quote(DETAILS)}, x, substring(if(k = 'system', JSONExtractRaw(x, 1, 'parts'), x), 2, -1))"
    text = messages.all_text("p")
    prompt = messages.last_user_text("p")
    entry = (
        f"(toUInt64(toUnixTimestamp64Nano(Timestamp)), k, p[1].role, {bare}, "
        f"if(k = 'input_messages', {prompt}, {text}))"
    )
    kind = f"if(event = {quote(DETAILS)}, [{kinds}], [{_from_event(0)}])"
    entries = (
        f"arrayFilter(e -> e.4 != '', arrayPushBack(arrayMap((k, x, p) -> {entry}, {kind}, canonical, meant), "
        f"(toUInt64(toUnixTimestamp64Nano(Timestamp)), 'system_instructions', '', instructions, '')))"
    )
    columns = {
        "hour": stored_hour("Timestamp"),
        "trace_id": "TraceId",
        "span_id": "SpanId",
        "project": "project",
        "received_at": "now64(3)",
        "event_messages": entries,
    }
    select = f"SELECT {selected(columns)}\nFROM ({said}) WHERE notEmpty(event_messages)"
    return EVENTS_NAME, f"CREATE MATERIALIZED VIEW {EVENTS_NAME} TO llm_call_parts AS\n{select}"


def _from_event(member: int) -> str:
    names = ", ".join(map(quote, MESSAGE_EVENTS))
    values = ", ".join(quote(pair[member]) for pair in MESSAGE_EVENTS.values())
    return f"transform(event, [{names}], [{values}], '')"


def score_view() -> tuple[str, str]:
    """Name and CREATE statement of the view from `gen_ai.evaluation.result` events to `scores`.

    An evaluation that names no span has nothing to be shown with; it stays in `otel_logs`.
    """

    def attribute(key: str) -> str:
        return f"LogAttributes[{quote(key)}]"

    said = "toFloat64OrNull(LogAttributes['gen_ai.evaluation.score.value'])"
    value = f"if(isFinite({said}), {said}, NULL)"
    label = attribute("gen_ai.evaluation.score.label")
    columns = {
        "name": attribute("gen_ai.evaluation.name"),
        "evaluator": f"firstNonDefault({attribute('watchglass.evaluator.name')}, ScopeName)",
        "evaluator_version": f"firstNonDefault({attribute('watchglass.evaluator.version')}, toString(ScopeVersion))",
        "trace_id": "TraceId",
        "span_id": "SpanId",
        "project": project("ResourceAttributes"),
        "value": value,
        "label": label,
        "explanation": attribute("gen_ai.evaluation.explanation"),
        "source": one_of(attribute("watchglass.score.source"), _SOURCES, "external"),
        "direction": one_of(attribute("watchglass.score.direction"), _DIRECTIONS, "neutral"),
        "error": f"multiIf(value IS NOT NULL, '', {label} != '', {attribute('error.type')}, "
        f"firstNonDefault({attribute('error.type')}, 'no score'))",
        "call_time": retained("Timestamp", _SCORE_RETENTION_DAYS),
        "created_at": "now64(3)",
        "service_name": "ServiceName",
        "environment": "firstNonDefault(ResourceAttributes['deployment.environment.name'], "
        "ResourceAttributes['deployment.environment'])",
        "model": f"firstNonDefault({attribute('gen_ai.response.model')}, {attribute('gen_ai.request.model')})",
        "prompt_name": attribute("gen_ai.prompt.name"),
        "prompt_version": attribute("gen_ai.prompt.version"),
    }
    select = (
        f"SELECT {selected(columns)}\nFROM otel_logs\n"
        f"WHERE {_EVENT} = {quote(EVALUATION)} AND SpanId != '' AND {attribute('gen_ai.evaluation.name')} != ''"
    )
    return SCORES_NAME, f"CREATE MATERIALIZED VIEW {SCORES_NAME} TO scores AS\n{select}"
