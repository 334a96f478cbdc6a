"""What the benchmark sends: conversations as the official GenAI instrumentation records them, about 3 KB a span.

As with real chat traffic, each call repeats the system prompt and the turns before it, and no text is said twice
by chance: words are drawn from a vocabulary of 4,000 by Zipf's law, which compresses like English prose.
"""

import itertools
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

_SYLLABLES: Final = [
    "an",
    "be",
    "co",
    "de",
    "er",
    "fi",
    "ga",
    "hol",
    "in",
    "ka",
    "le",
    "mon",
    "ne",
    "or",
    "pa",
    "ra",
    "ser",
    "tion",
    "un",
    "ver",
    "wi",
    "ty",
]
_VOCABULARY_SIZE: Final = 4000
_SYSTEM_PROMPTS: Final = 8
_SYSTEM_PROMPT_WORDS: Final = 90
_MOST_TURNS: Final = 5


class _Speaker:
    """Makes text. The language is the same for everybody, what is said depends on the numbers."""

    def __init__(self, numbers: random.Random) -> None:
        language = random.Random(1)
        words = ("".join(language.choices(_SYLLABLES, k=language.randint(1, 4))) for _ in itertools.count())
        self._words = list(dict.fromkeys(itertools.islice(words, 3 * _VOCABULARY_SIZE)))[:_VOCABULARY_SIZE]
        self._weights = list(itertools.accumulate(1 / rank for rank in range(1, len(self._words) + 1)))
        self._numbers = language
        self.system_prompts = [self.say(_SYSTEM_PROMPT_WORDS) for _ in range(_SYSTEM_PROMPTS)]
        self._numbers = numbers

    def say(self, words: int) -> str:
        """Sentences of so many words in all."""
        said = self._numbers.choices(self._words, cum_weights=self._weights, k=words)
        sentences = (" ".join(said[first : first + 12]).capitalize() for first in range(0, words, 12))
        return ". ".join(sentences) + "."


def payloads(numbers: random.Random, requests: int, spans: int) -> Sequence[bytes]:
    """Serialized requests; no two spans have the same ids."""
    speaker = _Speaker(numbers)
    return [_request(numbers, speaker, spans).SerializeToString() for _ in range(requests)]


def _request(numbers: random.Random, speaker: _Speaker, spans: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    envelope = request.resource_spans.add()
    set_attributes(envelope.resource.attributes, {
        "service.name": "support-assistant", "service.version": "1.4.2", "deployment.environment.name": "production",
        "telemetry.sdk.language": "python", "telemetry.sdk.name": "opentelemetry", "telemetry.sdk.version": "1.45.2",
    })  # fmt: skip
    scope = envelope.scope_spans.add()
    scope.scope.name, scope.scope.version = "opentelemetry.instrumentation.genai.openai", "1.3b0"
    calls = itertools.chain.from_iterable(_conversation(numbers, speaker) for _ in itertools.count())
    for trace_id, attributes in itertools.islice(calls, spans):
        start_ns = time.time_ns() - numbers.randrange(10**12)
        span = scope.spans.add(
            trace_id=trace_id, span_id=numbers.randbytes(8), parent_span_id=numbers.randbytes(8),
            name="chat gpt-4o-mini", kind=Span.SPAN_KIND_CLIENT, flags=257, start_time_unix_nano=start_ns,
            end_time_unix_nano=start_ns + numbers.randrange(3 * 10**8, 6 * 10**9),
        )  # fmt: skip
        if numbers.random() < 0.02:
            span.status.code, span.status.message = Status.STATUS_CODE_ERROR, "RateLimitError"
        set_attributes(span.attributes, attributes)
    return request


def _conversation(numbers: random.Random, speaker: _Speaker) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Trace id and attributes of each call of one conversation; every call sends all that was said so far."""
    trace_id = numbers.randbytes(16)
    session = {"session.id": numbers.randbytes(8).hex(), "user.id": f"user-{numbers.randrange(5000)}"}
    messages = [_message("system", numbers.choice(speaker.system_prompts))]
    for _ in range(numbers.randint(1, _MOST_TURNS)):
        messages.append(_message("user", speaker.say(numbers.randint(8, 60))))
        answer = _message("assistant", speaker.say(numbers.randint(20, 90)))
        yield trace_id, session | _attributes(numbers, messages, answer)
        messages.append(answer)


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _attributes(numbers: random.Random, messages: Sequence[dict[str, Any]], answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 512,
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": f"chatcmpl-{numbers.randbytes(12).hex()}",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": numbers.randrange(100, 900),
        "gen_ai.usage.output_tokens": numbers.randrange(50, 400),
        "server.address": "api.openai.com",
        "server.port": 443,
        "gen_ai.input.messages": json.dumps(messages),
        "gen_ai.output.messages": json.dumps([answer | {"finish_reason": "stop"}]),
    }


def set_attributes(attributes: Any, values: Mapping[str, Any]) -> None:
    """Add them to a repeated KeyValue of OTLP; lists are of texts."""
    fields = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
    for key, content in values.items():
        value = attributes.add(key=key).value
        if isinstance(content, list):
            for element in content:
                value.array_value.values.add().string_value = element
        else:
            setattr(value, fields[type(content)], content)
