"""One request to an OpenAI-compatible chat endpoint: to the configured address only, bounded in time and size."""

import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

from watchglass_evaluators.judge.config import JudgeConfig
from watchglass_evaluators.judge.limits import retry_after_s
from watchglass_evaluators.judge.prompt import SCHEMA_NAME, schema

MOST_BYTES = 1_000_000
"""Longest body that is read."""
CONNECT_TIMEOUT_S = 10.0
_MOST_TOKENS = 10**9
_TOP_LOGPROBS = 20
_CODE = re.compile(r"[a-z0-9_.-]{1,64}")
_BILLING = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "access_terminated"}

Kind = Literal["refused", "limited", "failed"]


class EndpointError(Exception):
    """The endpoint gave no answer. The message is ours: it never repeats what the endpoint sent, nor the key."""

    def __init__(self, kind: Kind, reason: str, *, retry_s: float | None = None, may_cost: bool = False) -> None:
        """Say what happened.

        Args:
            kind: refused = key or money; limited = too fast; failed = anything else.
            reason: for people.
            retry_s: seconds that the endpoint asked for.
            may_cost: whether it may be billed although nothing came of it.
        """
        super().__init__(reason)
        self.kind = kind
        self.retry_s = retry_s
        self.may_cost = may_cost


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; only its outer shape was checked."""

    content: str
    """'' where `problem` says why there is nothing to read."""
    problem: str = ""
    """Why the content is not a whole answer; '' = it is."""
    logprobs: Sequence[Any] | None = None
    """`logprobs.content`, unchecked."""
    model: str = ""
    """The model that answered, as it calls itself."""
    input_tokens: int | None = None
    """None = not said."""
    output_tokens: int | None = None
    """None = not said."""


@dataclass(slots=True)
class Features:
    """What an endpoint is asked to do; what it says it cannot is left out from then on."""

    response_format: Literal["json_schema", "json_object", ""] = "json_schema"
    logprobs: bool = False

    def drop(self, complaint: str) -> bool:
        """Leave out what an error text complains about; False when that is nothing of ours."""
        if self.logprobs and "logprobs" in complaint:
            self.logprobs = False
        elif self.response_format and re.search(r"response_format|json_schema|json_object|schema", complaint):
            self.response_format = "json_object" if self.response_format == "json_schema" else ""
        else:
            return False
        return True


@dataclass(slots=True)
class Endpoint:
    """An address, a key, and what was learnt about it. Thread-safe."""

    config: JudgeConfig
    base_url: str
    key: str = field(repr=False)
    clock: Callable[[], datetime]
    _features: dict[str, Features] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def host(self) -> str:
        """Of the address, without its port."""
        return urlsplit(self.base_url).hostname or ""

    def ask(
        self, session: httpx.Client, model: str, messages: Sequence[Mapping[str, str]], offered: Sequence[str]
    ) -> Reply:
        """Send one request; where the endpoint does not know an option, the same again without it.

        Raises:
            EndpointError: no answer came.
        """
        with self._lock:
            features = self._features.setdefault(model, Features(logprobs=self.config.logprobs))
        while True:
            with self._lock:
                body = self._body(model, messages, offered, features)
            status, headers, raw = self._post(session, body)
            if status in (400, 422):
                with self._lock:
                    stale = body != self._body(model, messages, offered, features)
                    if stale or features.drop(raw[:10_000].decode("utf-8", "replace").lower()):
                        continue
            if status != 200:
                raise self._error(status, headers, raw)
            return _reply(raw)

    def _body(
        self, model: str, messages: Sequence[Mapping[str, str]], offered: Sequence[str], features: Features
    ) -> dict[str, Any]:
        config = self.config
        body: dict[str, Any] = {"model": model, "messages": list(messages), "stream": False}
        body[config.max_tokens_parameter] = config.max_output_tokens
        if config.temperature != "default":
            body["temperature"] = config.temperature
        if config.seed is not None:
            body["seed"] = config.seed
        if features.response_format == "json_schema":
            strict = {"name": SCHEMA_NAME, "strict": True, "schema": schema(offered)}
            body["response_format"] = {"type": "json_schema", "json_schema": strict}
        elif features.response_format:
            body["response_format"] = {"type": features.response_format}
        if features.logprobs:
            body |= {"logprobs": True, "top_logprobs": _TOP_LOGPROBS}
        return body

    def _post(self, session: httpx.Client, body: Mapping[str, Any]) -> tuple[int, httpx.Headers, bytes]:
        headers = {"accept-encoding": "identity"} | ({"authorization": f"Bearer {self.key}"} if self.key else {})
        deadline = time.monotonic() + self.config.timeout_s
        raw = bytearray()
        is_sent = False
        try:
            with session.stream("POST", f"{self.base_url}/chat/completions", json=body, headers=headers) as response:
                is_sent = True
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise EndpointError("failed", "the endpoint's answer is compressed", may_cost=True)
                for chunk in response.iter_raw():
                    raw += chunk
                    if len(raw) > MOST_BYTES:
                        raise EndpointError(
                            "failed", f"the endpoint's answer is over {MOST_BYTES:,} bytes", may_cost=True
                        )
                    if time.monotonic() > deadline:
                        raise EndpointError("failed", self._late(), may_cost=True)
                return response.status_code, response.headers, bytes(raw)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise EndpointError("failed", "the endpoint cannot be reached") from None
        except httpx.TimeoutException:
            raise EndpointError("failed", self._late(), may_cost=True) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
            what = "broke off its answer" if is_sent else "closed the connection"
            raise EndpointError("failed", f"the endpoint {what}", may_cost=True) from None

    def _late(self) -> str:
        return f"the endpoint took longer than {self.config.timeout_s:g} s"

    def _error(self, status: int, headers: httpx.Headers, raw: bytes) -> EndpointError:
        code = _error_code(raw)
        code = "" if self.key and self.key in code else code
        said = f"the endpoint answered {status}" + (f" ({code})" if code else "")
        if status in (401, 402, 403) or code in _BILLING:
            hint = "check the key" if status in (401, 403) and code not in _BILLING else "check quota and billing"
            return EndpointError("refused", f"{said}: {hint}")
        if status == 429:
            return EndpointError("limited", said, retry_s=retry_after_s(headers.get("retry-after"), self.clock()))
        if 300 <= status < 400:
            return EndpointError("failed", f"{said}: redirects are not followed")
        retry_s = retry_after_s(headers.get("retry-after"), self.clock()) if status == 503 else None
        return EndpointError("failed", said, retry_s=retry_s)


def trust(addresses: Iterable[str]) -> ssl.SSLContext:
    """Load the certificates that addresses need: none for plain http, since it takes longer than a request."""
    if any(address.startswith("https:") for address in addresses):
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def open_session(config: JudgeConfig, tls: ssl.SSLContext) -> httpx.Client:
    """Open connections for one batch: no proxy and no .netrc from the environment, no redirects."""
    return httpx.Client(
        trust_env=False,
        follow_redirects=False,
        verify=tls,
        timeout=httpx.Timeout(config.timeout_s, connect=min(CONNECT_TIMEOUT_S, config.timeout_s)),
        limits=httpx.Limits(max_connections=config.concurrency),
    )


def _reply(raw: bytes) -> Reply:
    """Read the outer shape of an answer; whatever is odd about it is a problem, not an error: it was paid for."""
    try:
        body = json.loads(raw)
        usage, choices = body.get("usage") or {}, body["choices"]
        told: dict[str, Any] = {
            "input_tokens": _tokens(usage.get("prompt_tokens")),
            "output_tokens": _tokens(usage.get("completion_tokens")),
            "model": model if isinstance(model := body.get("model"), str) and len(model) < 200 else "",
        }
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return Reply("", "the endpoint's answer is not a chat completion")
    if not isinstance(choices, list) or len(choices) != 1:
        return Reply("", "the endpoint's answer does not have exactly one choice", **told)
    try:
        message, finish = choices[0]["message"], choices[0].get("finish_reason")
        content, refusal = message.get("content"), message.get("refusal")
        logprobs = (choices[0].get("logprobs") or {}).get("content")
    except (KeyError, TypeError, AttributeError):
        return Reply("", "the endpoint's answer is not a chat completion", **told)
    if refusal:
        return Reply("", "the judge declined", **told)
    if not isinstance(content, str):
        return Reply("", "the reply is empty", **told)
    if finish not in ("stop", None):
        return Reply("", "the reply was cut off or filtered", **told)
    return Reply(content, logprobs=logprobs if isinstance(logprobs, list) else None, **told)


def _tokens(count: Any) -> int | None:
    is_count = isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _MOST_TOKENS
    return count if is_count else None


def _error_code(raw: bytes) -> str:
    """The endpoint's word for an error, if it is one word: its sentences can repeat the key."""
    try:
        error = json.loads(raw)["error"]
        words = [error.get("code"), error.get("type")] if isinstance(error, dict) else []
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""
    return next((word for word in words if isinstance(word, str) and _CODE.fullmatch(word)), "")
