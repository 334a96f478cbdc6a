"""The materialized views from `otel_traces` to `llm_call_parts`.

The first keeps the spans that a convention recognises, looks up what each attribute means and reads the messages; it
writes to `llm_spans`, a table without storage. The second gives every column its type. What is dear and seldom needed,
numbered lists and messages in another form than the conventions' own, is left to `rebuilt_view`.
"""

from collections.abc import Sequence

from watchglass_collector.conventions import messages
from watchglass_collector.conventions.convention import COUNTS, LISTS, MODEL_CALLS, NUMBERS, TEXTS, Convention
from watchglass_collector.conventions.lookup import LIST_SPAN, PRIORITIES, SHORT_END, Lookup, meaning
from watchglass_collector.conventions.providers import provider, reasons
from watchglass_collector.conventions.sql import level, project, quote, selected, stored_hour

SPANS = "llm_spans"

# A span without its attributes, carried from level to level as one column: column of `otel_traces`, and type.
_SPAN = {
    "start_time": ("Timestamp", "DateTime64(9)"),
    "trace_id": ("TraceId", "String"),
    "span_id": ("SpanId", "String"),
    "parent_span_id": ("ParentSpanId", "String"),
    "duration_ns": ("Duration", "UInt64"),
    "span_name": ("SpanName", "String"),
    "service_name": ("ServiceName", "String"),
    "status": ("StatusCode", "String"),
    "status_message": ("StatusMessage", "String"),
    "resource": ("ResourceAttributes", "Map(LowCardinality(String), String)"),
    "event_times": ("`Events.Timestamp`", "Array(DateTime64(9))"),
    "event_names": ("`Events.Name`", "Array(LowCardinality(String))"),
    "exception": (
        "`Events.Attributes`[indexOf(`Events.Name`, 'exception')]",
        "Map(LowCardinality(String), String)",
    ),
}

# Column of llm_spans -> its type.
_SPANS_COLUMNS = {
    "span": f"Tuple({', '.join(f'{name} {kind}' for name, (_, kind) in _SPAN.items())})",
    "rank": "UInt16",
    "entries": "Array(Tuple(meaning UInt16, key LowCardinality(String), text String))",
    "fields": "Map(UInt16, Nullable(String))",
    "operation": "String",
    "steps": "Array(String)",
    "mended": "Array(String)",
    "said": f"Array({messages.MESSAGES_TYPE})",
    "is_canonical": "Array(UInt8)",
}

_DOCUMENTS_TYPE = "Array(Tuple(content String, text String, page_content String, kwargs Tuple(page_content String)))"
_IS_MODEL_CALL = f"operation IN ({', '.join(map(quote, MODEL_CALLS))})"
_HAS_STEP_OUTPUT = "operation NOT IN ('embeddings', 'retrieval', 'execute_tool')"
# What goes into these is a conversation, or a question, in whatever form.
_CONVERSES = f"operation IN ({', '.join(map(quote, (*MODEL_CALLS, 'retrieval', 'invoke_agent')))})"

# More than any real call has; above it a number is a mistake that would drown every sum it is part of.
_MOST = 10**12


def span_views(conventions: Sequence[Convention]) -> list[tuple[str, str]]:
    """Name and CREATE statement of `llm_spans` and of the views to it and from it.

    Args:
        conventions: In order of precedence: the first that recognises a span reads it.
    """
    lookup = Lookup(conventions)
    columns = ", ".join(f"{name} {kind}" for name, kind in _SPANS_COLUMNS.items())
    to_spans, to_calls = "llm_spans_from_traces", "llm_calls_from_spans"
    return [
        (SPANS, f"CREATE TABLE {SPANS} ({columns}) ENGINE = Null"),
        (to_spans, f"CREATE MATERIALIZED VIEW {to_spans} TO {SPANS} AS\n{_read(lookup)}"),
        (to_calls, f"CREATE MATERIALIZED VIEW {to_calls} TO llm_call_parts AS\n{_calls(lookup)}"),
    ]


def _meant(lookup: Lookup) -> str:
    """Spans of any convention, with the attributes that mean something there, a field's best source first."""
    span = f"({', '.join(source for source, _ in _SPAN.values())})"
    said = (
        f"SELECT {span} AS span, ScopeName, SpanAttributes, `Events.Name`, `Events.Attributes`, "
        f"{lookup.endings()} AS endings\nFROM otel_traces"
    )
    found = (
        f"SELECT span, {lookup.rank('endings')} AS rank, endings, {lookup.attributes()} AS attributes\n"
        f"FROM ({said}) WHERE {lookup.is_recognised('rank')}"
    )
    pairs = {"keys": "mapKeys(attributes)", "texts": "mapValues(attributes)"}
    below = level(found, ["span", "rank", "endings"], pairs)
    is_short = f"m < {SHORT_END}"
    text = f"if({is_short} AND startsWith(v, '\"'), {messages.plain('v')}, v)"
    entry = f"arrayMap((m, k, v) -> (m, k, {text}), {lookup.meanings('keys', 'rank', 'endings')}, keys, texts)"
    is_nothing = f"e.3 = '' OR (e.1 < {SHORT_END} AND e.3 IN ('null', 'None')) OR {lookup.is_invented('rank', 'e')}"
    entries = f"arraySort(arrayFilter(e -> e.1 > 0 AND NOT ({is_nothing}), {entry}))"
    return level(below, ["span", "rank"], {"entries": entries})


def field(name: str) -> str:
    """Nullable(String) expression: a field of a row of `llm_spans`."""
    return f"fields[{meaning(name) // PRIORITIES}]"


def _read(lookup: Lookup) -> str:
    """What the spans are about, and the messages that they hold whole."""
    fields = f"mapFromArrays(arrayMap(e -> intDiv(e.1, {PRIORITIES}), entries), entries.3)"
    keep = ["span", "rank", "entries", "fields"]
    typed = level(_meant(lookup), keep[:-1], {"fields": f"CAST({fields}, 'Map(UInt16, Nullable(String))')"})
    known = ", ".join(field(name) for name in ("request_model", "response_model", "input", "output", "events"))
    steps = f"[ifNull({field('step_input')}, ''), ifNull({field('step_output')}, '')]"
    about = {
        "operation": lookup.operation(f"ifNull({field('operation')}, '')", "rank", f"coalesce({known}) IS NOT NULL"),
        "steps": f"arrayMap(x -> {messages.plain('x')}, {steps})",
        # OpenInference's agents have a list with nothing but a role in it.
        "lists": f"arrayMap(e -> intDiv(e.1, {LIST_SPAN}) * (e.1 % {LIST_SPAN} >= {2 * PRIORITIES}), entries)",
    }
    sides = ", ".join(
        f"(ifNull({field(side)}, ''), {list(LISTS).index(f'{side}_messages') + 1}, if({has}, steps[{place + 1}], ''), "
        f"{quote(role)})"
        for place, (side, role, has) in enumerate(
            (("input", "user", "operation != 'execute_tool'"), ("output", "assistant", _HAS_STEP_OUTPUT))
        )
    )
    is_json = f"{_CONVERSES} AND match(s.3, '^[\\\\[{{]')"
    written = (
        f"arrayMap(s -> multiIf(s.1 != '', s.1, has(lists, s.2), '', {field('events')} IS NOT NULL, "
        f"assumeNotNull({field('events')}), {is_json}, s.3, {messages.text_message('s.4', 's.3')}), [{sides}])"
    )
    return messages.read(level(typed, keep, about), [*keep, "operation", "steps"], written)


def _calls(lookup: Lookup) -> str:
    """The columns of `llm_call_parts`, NULL where this span does not say or leaves it to `rebuilt_view`."""
    named = f"coalesce({field('step_name')}, if({lookup.is_named_by_span('rank')}, span.span_name, NULL))"
    texts = {
        **{column: field(column) for column in TEXTS},
        "provider_name": provider(field("provider_name")),
        "response_id": f"coalesce({field('response_id')}, "
        f"if({_IS_MODEL_CALL}, nullIf(JSONExtractString(steps[2], 'id'), ''), NULL))",
        "agent_name": f"coalesce({field('agent_name')}, if(operation = 'invoke_agent', {named}, NULL))",
        "tool_name": f"coalesce({field('tool_name')}, if(is_tool, {named}, NULL))",
        "tool_call_arguments": f"coalesce({field('tool_call_arguments')}, if(is_tool, nullIf(steps[1], ''), NULL))",
        "tool_call_result": f"coalesce({field('tool_call_result')}, if(is_tool, nullIf(steps[2], ''), NULL))",
        "retrieval_documents": "nullIf(documents, '')",
        "system_instructions": messages.system_parts(field("system_instructions")),
        "input_messages": "if(is_canonical[1], nullIf(mended[1], ''), NULL)",
        "output_messages": "if(is_canonical[2], nullIf(mended[2], ''), NULL)",
        "prompt_text": f"if(is_canonical[1], nullIf({messages.last_user_text('said[1]')}, ''), NULL)",
        "response_text": f"if(is_canonical[2], nullIf({messages.all_text('said[2]')}, ''), NULL)",
        "context_text": f"nullIf({context_text('documents')}, '')",
        "environment": "coalesce(nullIf(span.resource['deployment.environment.name'], ''), "
        "nullIf(span.resource['deployment.environment'], ''))",
        "service_version": "nullIf(span.resource['service.version'], '')",
        "claimed_project": "coalesce(nullIf(span.resource['openinference.project.name'], ''), "
        "nullIf(span.resource['service.namespace'], ''))",
        "error_type": "error",
        "error_message": "if(error IS NULL, NULL, "
        f"coalesce(nullIf(span.status_message, ''), nullIf(span.exception['exception.message'], ''), "
        f"{field('error_message')}))",
    }
    columns = {
        "hour": stored_hour("span.start_time"),
        **{name: f"span.{name}" for name in (*list(_SPAN)[:4], "span_name", "service_name")},
        "project": project("span.resource"),
        "received_at": "now64(3)",
        "duration_s": "span.duration_ns / 1e9",
        "convention": lookup.name("rank"),
        "operation_name": "operation",
        **texts,
        **{column: f"counts[{place + 1}]" for place, column in enumerate(COUNTS)},
        **{column: f"numbers[{place + 1}]" for place, column in enumerate(NUMBERS)},
        "finish_reasons": reasons(_finish_reasons()),
    }
    return f"SELECT {selected(columns)}\nFROM ({_typed(lookup)})"


def _typed(lookup: Lookup) -> str:
    """Numbers, and what several columns depend on. Arrays, so that ClickHouse analyses a conversion once."""
    moment = f"parseDateTime64BestEffortOrNull(ifNull({field('first_token_at')}, ''), 9, 'UTC')"
    came = f"if(first_token = 0, {moment}, span.event_times[first_token])"
    delay = f"(toUnixTimestamp64Nano({came}) - toUnixTimestamp64Nano(span.start_time)) / 1e9"
    said = {name: field(name) for name in (*COUNTS, *NUMBERS)}
    said["time_to_first_token_s"] = (
        f"if({field('is_streaming')} IN ('false', 'False'), NULL, coalesce({said['time_to_first_token_s']}, "
        f"toString(toFloat64OrNull({field('first_token_ms')}) / 1e3), toString({delay})))"
    )
    number = f"if(toFloat64OrNull(x) >= 0 AND toFloat64OrNull(x) <= {_MOST}, toFloat64OrNull(x), NULL)"
    no_error = "span.status NOT IN ('Error', 'STATUS_CODE_ERROR')"
    error = f"if({no_error}, NULL, coalesce(nullIf(span.exception['exception.type'], ''), '_OTHER'))"
    # What a retriever gave back, where no numbered list says so.
    given = f"if(operation = 'retrieval' AND entries[-1].1 < {LIST_SPAN}, steps[2], '')"
    found = f"arrayMap(d -> if(startsWith(d, '['), d, JSONExtractRaw(d, 'documents')), [{given}])[1]"
    documents = f"ifNull({field('retrieval_documents')}, {found})"
    keep = ["span", "rank", "fields", "operation", "steps", "mended", "said", "is_canonical"]
    below = level(
        f"SELECT * FROM {SPANS}",
        keep,
        {
            "first_token": lookup.first_token("span.event_names"),
            "is_tool": "operation = 'execute_tool'",
            "documents": documents,
            "error": f"coalesce({field('error_type')}, {error})",
        },
    )
    counts = ", ".join(said[name] for name in COUNTS)
    numbers = ", ".join(said[name] for name in NUMBERS)
    return level(
        below,
        [*keep, "is_tool", "documents", "error"],
        {
            "counts": f"arrayMap(x -> accurateCastOrNull({number}, 'Int64'), [{counts}])",
            "numbers": f"arrayMap(x -> {number}, [{numbers}])",
        },
    )


def _finish_reasons() -> str:
    """SQL: from a JSON list, or a word; else from the answers themselves."""
    said = f"ifNull({field('finish_reasons')}, '')"
    words = f"if(startsWith({said}, '['), JSONExtract({said}, 'Array(String)'), [{said}])"
    return f"if(notEmpty({field('finish_reasons')}), {words}, said[2].finish_reason)"


def context_text(documents: str) -> str:
    """String expression: the text of retrieved documents, a blank line between two.

    Args:
        documents: String expression, a JSON list of objects.
    """
    text = "firstNonDefault(d.content, d.text, d.page_content, d.kwargs.page_content)"
    found = f"arrayMap(d -> {text}, JSONExtract({documents}, {quote(_DOCUMENTS_TYPE)}))"
    return f"arrayStringConcat(arrayFilter(t -> t != '', {found}), '\\n\\n')"
