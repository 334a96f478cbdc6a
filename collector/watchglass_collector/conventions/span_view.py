"""The materialized view from `otel_traces` to `llm_call_parts`, one for all conventions.

Level by level: keep the spans that a convention recognises; look up what each of their attributes means; sort the
meaningful ones into fields (a map) and lists; give each column its type; bring both conversations, input and output,
into one form. Each level names what the next needs, so that nothing is looked up or parsed twice.
"""

from collections.abc import Sequence

from watchglass_collector.conventions import messages
from watchglass_collector.conventions.convention import COUNTS, LISTS, MODEL_CALLS, NUMBERS, TEXTS, Convention
from watchglass_collector.conventions.lists import list_json, listed
from watchglass_collector.conventions.lookup import NOBODY, PRIORITIES, Lookup, meaning
from watchglass_collector.conventions.sql import quote, retained, selected

NAME = "llm_calls_from_spans"
RETENTION_DAYS = 30

_DOCUMENTS_TYPE = "Array(Tuple(content String, text String, page_content String))"
_PARAMETERS = ("model", "temperature", "top_p", "max_tokens", "max_completion_tokens", "max_output_tokens")
_PARAMETERS_TYPE = f"Tuple({', '.join(f'{name} Nullable(String)' for name in _PARAMETERS)})"
_IS_MODEL_CALL = f"operation IN ({', '.join(map(quote, MODEL_CALLS))})"
_IS_ERROR = "status IN ('Error', 'STATUS_CODE_ERROR')"

# More than any real call has; above it a number is a mistake that would drown every sum it is part of.
_MOST_TOKENS = 10**12


def span_view(conventions: Sequence[Convention]) -> tuple[str, str]:
    """The view's name and CREATE statement.

    Args:
        conventions: In order of precedence: the first that recognises a span reads it.
    """
    return NAME, f"CREATE MATERIALIZED VIEW {NAME} TO llm_call_parts AS\n{_final(Lookup(conventions))}"


def _level(columns: Sequence[tuple[str, str]], below: str, *, keep: bool = True) -> str:
    return f"SELECT {'*, ' if keep else ''}{selected(columns)}\nFROM ({below})"


def _recognised(lookup: Lookup) -> str:
    """Spans of any convention, with the meaning of each attribute."""
    rows = selected(
        [
            ("start_time", "Timestamp"),
            ("trace_id", "TraceId"),
            ("span_id", "SpanId"),
            ("parent_span_id", "ParentSpanId"),
            ("duration_ns", "Duration"),
            ("span_name", "SpanName"),
            ("service_name", "ServiceName"),
            ("status", "StatusCode"),
            ("status_message", "StatusMessage"),
            ("resource", "ResourceAttributes"),
            ("event_times", "`Events.Timestamp`"),
            ("event_names", "`Events.Name`"),
            ("exception", "`Events.Attributes`[indexOf(`Events.Name`, 'exception')]"),
            ("keys", "mapKeys(SpanAttributes)"),
            ("texts", "mapValues(SpanAttributes)"),
            ("rank", lookup.rank()),
        ]
    )
    found = f"SELECT {rows}\nFROM otel_traces WHERE rank < {NOBODY}"
    return _level([("meanings", lookup.meanings("keys", "rank"))], found)


def _entries(lookup: Lookup) -> str:
    """Attributes that mean something, as (meaning, number, inner number, text), best source of each field first."""
    has = "m > 0 AND v != ''"
    kept = [
        ("kept_keys", f"arrayFilter((k, m, v) -> {has}, keys, meanings, texts)"),
        ("kept_meanings", f"arrayFilter((m, v) -> {has}, meanings, texts)"),
        ("kept_texts", f"arrayFilter((v, m) -> {has}, texts, meanings)"),
    ]
    number = r"toUInt16OrZero(extract(k, '\\.(\\d+)'))"
    inner = r"toUInt16OrZero(extract(k, '\\.\\d+\\D+\\.(\\d+)'))"
    entry = f"arrayMap((m, k, v) -> (m, {number}, {inner}, v), kept_meanings, kept_keys, kept_texts)"
    entries = _level([("entries", f"arraySort({entry})")], _level(kept, _recognised(lookup)))
    fields = f"mapFromArrays(arrayMap(e -> intDiv(e.1, {PRIORITIES}), entries), entries.4)"
    return _level([("fields", fields), ("listed", listed("entries"))], entries)


def _field(name: str) -> str:
    return f"fields[{meaning(name) // PRIORITIES}]"


def _typed(lookup: Lookup) -> str:
    """Fields that other columns depend on."""
    token = lookup.first_token("event_names")
    delay = "toUnixTimestamp64Nano(event_times[first_token]) - toUnixTimestamp64Nano(start_time)"
    lists = [(f"{name}_list", list_json(place + 1, "listed")) for place, name in enumerate(LISTS)]
    below = _level(
        [
            ("operation", lookup.operation(_field("operation"), "rank")),
            ("first_token", token),
            ("parameters", f"JSONExtract({_field('parameters')}, {quote(_PARAMETERS_TYPE)})"),
            ("step_output", messages.plain(_field("step_output"))),
            *lists,
        ],
        _entries(lookup),
    )
    documents = f"firstNonDefault({_field('retrieval_documents')}, retrieval_documents_list)"
    return _level(
        [
            ("event_delay_s", f"if(first_token = 0, NULL, ({delay}) / 1e9)"),
            ("is_conversation", f"{_IS_MODEL_CALL} AND operation != 'embeddings' OR operation IN {_STEPS}"),
            ("documents", documents),
            (
                "error",
                f"multiIf({_field('error_type')} != '', {_field('error_type')}, NOT {_IS_ERROR}, '', "
                "firstNonDefault(exception['exception.type'], '_OTHER'))",
            ),
        ],
        below,
    )


_STEPS = "('invoke_agent', 'invoke_workflow', 'chain')"


def _conversations(lookup: Lookup) -> str:
    """Input and output, two elements of one array so that ClickHouse analyses what is done to them once."""
    step_input = f"if(is_conversation OR operation = 'retrieval', {_field('step_input')}, '')"
    written = (
        f"[firstNonDefault({_field('input')}, input_messages_list, "
        f"{messages.text_message(quote('user'), step_input)}), "
        f"firstNonDefault({_field('output')}, output_messages_list, "
        f"{messages.text_message(quote('assistant'), 'if(is_conversation, step_output, ' + quote('') + ')')})]"
    )
    return messages.conversations(_typed(lookup), written, "['user', 'assistant']")


def _number(column: str) -> str:
    """SQL: Nullable number, NULL for what is none, or is out of any sensible range."""
    sources = [f"toFloat64OrNull({_field(column)})"]
    match column:
        case "request_max_tokens":
            sources += [f"toFloat64OrNull(parameters.{name})" for name in _PARAMETERS if name.startswith("max_")]
        case "request_temperature" | "request_top_p":
            sources += [f"toFloat64OrNull(parameters.{column.removeprefix('request_')})"]
        case "time_to_first_token_s":
            sources += ["event_delay_s"]
    value = f"coalesce({', '.join(sources)})" if len(sources) > 1 else sources[0]
    ranged = f"arrayMap(x -> if(x >= 0 AND x <= {_MOST_TOKENS}, x, NULL), [{value}])[1]"
    return f"accurateCastOrNull({ranged}, 'Int64')" if column in COUNTS else ranged


def _final(lookup: Lookup) -> str:
    """The columns of `llm_call_parts`."""
    texts = {
        **{column: _field(column) for column in TEXTS},
        "request_model": f"firstNonDefault({_field('request_model')}, ifNull(parameters.model, ''))",
        "response_id": f"firstNonDefault({_field('response_id')}, "
        f"if({_IS_MODEL_CALL}, JSONExtractString({_field('step_output')}, 'id'), ''))",
        "agent_name": f"firstNonDefault({_field('agent_name')}, "
        f"if(operation = 'invoke_agent', {_field('step_name')}, ''))",
        "tool_name": f"firstNonDefault({_field('tool_name')}, "
        f"if(operation = 'execute_tool', {_field('step_name')}, ''))",
        "tool_call_arguments": f"firstNonDefault({_field('tool_call_arguments')}, "
        f"if(operation = 'execute_tool', {_field('step_input')}, ''))",
        "tool_call_result": f"firstNonDefault({_field('tool_call_result')}, "
        "if(operation = 'execute_tool', step_output, ''))",
        "system_instructions": messages.system_parts(_field("system_instructions")),
        "tool_definitions": f"firstNonDefault({_field('tool_definitions')}, tool_definitions_list)",
        "retrieval_documents": "documents",
        "input_messages": "nullIf(canonical[1], '[]')",
        "output_messages": "nullIf(canonical[2], '[]')",
        "prompt_text": messages.last_user_text("parsed[1]"),
        "response_text": messages.all_text("parsed[2]"),
        "context_text": _context("documents"),
        "environment": "firstNonDefault(resource['deployment.environment.name'], resource['deployment.environment'])",
        "project": "firstNonDefault(resource['openinference.project.name'], resource['service.namespace'])",
        "error_type": "error",
        "error_message": "if(error = '', '', firstNonDefault(status_message, exception['exception.message']))",
    }
    numbers = [(column, _number(column)) for column in (*COUNTS, *NUMBERS)]
    usage = f"{_IS_MODEL_CALL} AND (usage_input_tokens IS NOT NULL OR usage_output_tokens IS NOT NULL)"
    columns = [
        ("day", f"toDate({retained('start_time', RETENTION_DAYS)}, 'UTC')"),
        *(
            (name, name)
            for name in ("trace_id", "span_id", "parent_span_id", "start_time", "span_name", "service_name")
        ),
        ("received_at", "now64(3)"),
        ("duration_s", "duration_ns / 1e9"),
        ("convention", lookup.name("rank")),
        ("operation_name", "operation"),
        *((column, f"nullIf({text}, '')") for column, text in texts.items()),
        *numbers,
        ("usage_counted", usage),
        ("finish_reasons", _finish_reasons()),
    ]
    return _level(columns, _conversations(lookup), keep=False)


def _finish_reasons() -> str:
    """SQL: from a JSON list, a JSON string with a list in it, or a word; else from the answers themselves."""
    said = messages.plain(_field("finish_reasons"))
    listed_words = f"arrayMap(x -> if(startsWith(x, '['), JSONExtract(x, 'Array(String)'), [x]), [{said}])[1]"
    words = f"firstNonDefault(arrayFilter(x -> x NOT IN ('', 'null', 'None'), {listed_words}), "
    return f"{words}arrayFilter(x -> x != '', parsed[2].finish_reason))"


def _context(documents: str) -> str:
    """SQL: the text of retrieved documents, a blank line between two."""
    read = f"JSONExtract({documents}, {quote(_DOCUMENTS_TYPE)})"
    found = f"arrayMap(d -> firstNonDefault(d.content, d.text, d.page_content), {read})"
    return f"arrayStringConcat(arrayFilter(t -> t != '', {found}), '\\n\\n')"
