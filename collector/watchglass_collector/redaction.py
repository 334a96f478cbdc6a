"""Taking out of texts what must not be stored: by the views as RE2, or in Python before the spool."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from watchglass_collector.admission import Batch, Stage
from watchglass_collector.inbox import Redact
from watchglass_collector.nested import attribute_lists
from watchglass_collector.redaction_rules import RedactionConfig
from watchglass_store import Store, StoreRejected


def sql(config: RedactionConfig) -> Redact:
    """What the views wrap around each text."""

    def redact(text: str) -> str:
        for name, pattern in config.patterns.items():
            text = f"replaceRegexpAll({text}, {_quoted(pattern)}, '[{name}]')"
        return text

    return redact


def check(store: Store, config: RedactionConfig) -> None:
    """Have ClickHouse compile the patterns: a view with one that it refuses would stop every insert.

    Raises:
        ValueError: names the rule.
    """
    for name, pattern in config.patterns.items():
        try:
            store.query(f"SELECT replaceRegexpAll(materialize('a'), {_quoted(pattern)}, '')")
        except StoreRejected as error:
            raise ValueError(f"redaction rule {name}: ClickHouse does not take {pattern!r} ({error})") from None


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def stages(config: RedactionConfig) -> Sequence[Stage]:
    """The last stage of admission, where redaction has to come before the spool; none where it has not."""
    if not config.before_spool or not config.patterns:
        return ()
    rules = [(re.compile(pattern, re.ASCII), f"[{name}]") for name, pattern in config.patterns.items()]

    def redact(text: str) -> str:
        for pattern, replacement in rules:
            text = pattern.sub(replacement, text)
        return text

    def redacted(batch: Batch) -> Batch:
        request: Any = batch.signal.shape.full.FromString(batch.payload)
        _redact_request(request, redact)
        return replace(batch, payload=request.SerializeToString())

    return (redacted,)


def _redact_request(request: Any, redact: Callable[[str], str]) -> None:
    _redact_values((attribute.value for attributes in attribute_lists(request) for attribute in attributes), redact)
    for envelope in getattr(request, "resource_spans", ()):
        for scope in envelope.scope_spans:
            for span in scope.spans:
                span.name, span.status.message = redact(span.name), redact(span.status.message)
    for envelope in getattr(request, "resource_logs", ()):
        for scope in envelope.scope_logs:
            _redact_values((log_record.body for log_record in scope.log_records), redact)


def _redact_values(values: Iterable[Any], redact: Callable[[str], str]) -> None:
    for value in values:
        kind = value.WhichOneof("value")
        if kind == "array_value":
            _redact_values(value.array_value.values, redact)
        elif kind in {"string_value", "int_value"}:
            text = str(getattr(value, kind))
            safe = redact(text)
            if safe != text:
                value.string_value = safe
