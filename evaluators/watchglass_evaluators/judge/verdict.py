"""Reads a judge's reply. Exactly one verdict out of those offered, or InvalidVerdict; nothing is guessed. Pure."""

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

KEYS = {"reasoning", "token", "verdict"}
_LONGEST_REASONING = 2_000
_CODE_BLOCK = re.compile(r"```(?:json)?[ \t]*\r?\n(.*)\n[ \t]*```", re.DOTALL)
_VERDICT_VALUE = re.compile(r'"verdict"\s*:\s*"')
_LEAST_MASS = 0.5
_SLACK = 1e-3


class InvalidVerdict(ValueError):
    """The reply holds no acceptable verdict; the message says why, in our words only."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one reply said."""

    choice: str
    """One of those offered."""
    reasoning: str
    """The judge's words, at most 2,000 characters. Untrusted, like the text it is about."""


def parse(content: str, *, token: str, offered: Collection[str]) -> Verdict:
    """Read a reply.

    Args:
        content: the whole reply; one JSON object, perhaps in one code block.
        token: what an answer to this prompt must contain, so that an echo of the data is none.
        offered: verdicts that are accepted, letter by letter.

    Raises:
        InvalidVerdict: anything else.
    """
    text = content.strip()
    if not text:
        raise InvalidVerdict("the reply is empty")
    block = _CODE_BLOCK.fullmatch(text)
    try:
        reply = json.loads(block[1] if block else text, object_pairs_hook=_unique, parse_constant=_constant)
    except InvalidVerdict:
        raise
    except (ValueError, RecursionError):
        raise InvalidVerdict("the reply is not one JSON object") from None
    if not isinstance(reply, dict) or set(reply) != KEYS:
        raise InvalidVerdict("the reply does not have exactly the keys reasoning, token and verdict")
    if not all(isinstance(value, str) for value in reply.values()):
        raise InvalidVerdict("the reply's values are not texts")
    if reply["token"] != token:
        raise InvalidVerdict("the reply does not carry this prompt's token")
    if reply["verdict"] not in offered:
        raise InvalidVerdict("the verdict is none of those offered")
    reasoning = reply["reasoning"].encode("utf-8", "replace").decode()
    return Verdict(reply["verdict"], reasoning[:_LONGEST_REASONING])


def expected_value(
    content: str, tokens: Sequence[Any] | None, choice: str, values: Mapping[str, float]
) -> float | None:
    """Weigh the verdicts by their probabilities where the reply names one (Liu et al., G-Eval, 2023).

    Args:
        content: a reply that `parse` accepted.
        tokens: `logprobs.content` of the reply: what each token was and what else it might have been.
        choice: the verdict it gave.
        values: verdict -> value.

    Returns:
        The mean of the values, or None where the log-probabilities are absent, broken, or do not tell verdicts apart.
    """
    try:
        alternatives = _alternatives(content, tokens or ())
        masses = _masses(alternatives, list(values)) if alternatives else None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    if not masses or choice not in masses:
        return None
    total = sum(masses.values())
    if not _LEAST_MASS <= total <= 1 + _SLACK:
        return None
    return sum(mass * values[name] for name, mass in masses.items()) / total


def _alternatives(content: str, tokens: Sequence[Any]) -> list[tuple[str, float]]:
    """What might have stood where the verdict begins, with its log-probability."""
    found = list(_VERDICT_VALUE.finditer(content))
    if len(found) != 1 or "".join(token["token"] for token in tokens) != content:
        return []
    place, start = found[0].end(), 0
    for token in tokens:
        end = start + len(token["token"])
        if start <= place < end:
            before = token["token"][: place - start]
            return [
                (other["token"][len(before) :], float(other["logprob"]))
                for other in token["top_logprobs"]
                if other["token"].startswith(before)
            ]
        start = end
    return []


def _masses(alternatives: Sequence[tuple[str, float]], names: Sequence[str]) -> dict[str, float] | None:
    masses: dict[str, float] = {}
    for text, logprob in alternatives:
        if not (math.isfinite(logprob) and logprob <= _SLACK):
            return None
        word, quote, _ = text.partition('"')
        meant = [name for name in names if (name == word if quote else word and name.startswith(word))]
        if len(meant) > 1:
            return None
        if meant:
            masses[meant[0]] = masses.get(meant[0], 0.0) + math.exp(logprob)
    return masses


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidVerdict("the reply gives a key twice")
    return found


def _constant(_: str) -> NoReturn:
    raise InvalidVerdict("the reply has a number that is none")
