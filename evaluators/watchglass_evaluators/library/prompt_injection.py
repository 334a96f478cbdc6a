"""Prompt injection: whether a prompt, or a document retrieved for it, tries to talk the model out of its instructions.

Score: prompt_injection, 1 or 0, lower is better. Needs the prompt, and reads the retrieved context where there is
some; never calls out; about 0.1 ms a call. The label is the kind of the first rule that fires, the explanation names
all rules and where they fired.

It is a heuristic: rules about wording. Paraphrases, stories and languages other than English, German, French and
Spanish pass, and people who talk about prompt injection are flagged. The texts are looked at as a model would read
them: compatibility forms folded, invisible characters taken out, and base64 read as well. Kinds: override ("ignore
all previous instructions"), role ("you are now DAN"), unfiltered ("without any restrictions"), extraction ("print
your system prompt"), delimiter (chat markup such as <|im_start|>), hidden (text in invisible characters), encoded.

Precision 0.90 and recall 0.90 on the 80 hand-labelled prompts in tests/evaluators/injections.jsonl, which the rules
were written with: expect less on your traffic.

Source: own rules; the kinds follow F. Perez and I. Ribeiro, "Ignore Previous Prompt", 2022, and K. Greshake et al.,
"Not What You've Signed Up For", 2023.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, Score, ScoreSpec

_LONGEST_BASE64, _MOST_BASE64 = 4_000, 20
_EARLIER = (
    r"(?:previous|prior|preceding|earlier|above|initial|original|former|existing|current|your|these|those|the|my)"
)
_ORDERS = (
    r"(?:instructions?|prompts?|rules?|guidelines?|directions?|directives?|programming|training|constraints?|safety)"
)
_WORDS = r"(?:\w+ ){0,3}?"

RULES: dict[str, tuple[re.Pattern[str], ...]] = {
    "override": (
        re.compile(
            rf"\b(?:ignore|disregard|forget|override|bypass|skip|do not follow|don't follow|stop following)\b "
            rf"(?:about |all |any |of |everything in |each of )*{_EARLIER} {_WORDS}{_ORDERS}\b"
        ),
        re.compile(r"\b(?:ignore|disregard|forget) (?:everything|all|anything) (?:that (?:was|is) )?"
                   r"(?:above|before|you (?:were|have been|know|was)|i said|said|prior|previously)"),
        re.compile(r"\b(?:new|updated|real|actual) (?:system )?(?:instructions?|prompt|rules)\b ?(?::|are\b|follow)"),
        re.compile(r"\bignorier\w{0,3} (?:\w+ ){0,2}(?:vorherig|bisherig|obig|früher|alle)\w{0,3} (?:\w+ )?"
                   r"(?:anweisung|regel|vorgabe)"),
        re.compile(r"\b(?:ignore[zr]?|oublie[zr]?) (?:toutes )?(?:les|vos|tes) (?:instructions|consignes|règles)"),
        re.compile(r"\b(?:ignora|olvida|ignore) (?:todas )?(?:las|tus|sus) (?:instrucciones|reglas|indicaciones)"),
    ),
    "role": (
        re.compile(r"\b(?:you are|you're|you will be|act as|become|pretend to be|roleplay as) (?:now )?"
                   r"(?:an? |my |the )?(?:\w+ ){0,2}?"
                   r"(?:dan\b|jailbroken|unrestricted|uncensored|unfiltered|amoral|evil|rogue|unaligned)"),
        re.compile(r"\bdo anything now\b"),
        re.compile(r"\b(?:developer|debug|god|sudo|admin(?:istrator)?|maintenance|dan|jailbreak) mode\b"
                   r"(?: is| has been)?(?: now)? ?(?:enabled|activated|on\b|unlocked)"),
        re.compile(r"\b(?:enter|enable|activate|switch to|go into) (?:the )?"
                   r"(?:developer|debug|god|sudo|dan|jailbreak|unrestricted) mode\b"),
    ),
    "unfiltered": (
        re.compile(r"\b(?:without|no|free of|free from|ignore|remove) (?:any |all |your |longer bound by )*"
                   r"(?:moral|ethical|safety|content|legal)?,? ?(?:or )?(?:moral |ethical |safety )?"
                   r"(?:restrictions?|filters?|filtering|censorship|guardrails?|safeguards?|ethics|safety measures)\b"
                   r"(?! (?:on|for|in|to|of|apply|exist)\b)"),
        re.compile(r"\bnever (?:refuse|decline|say (?:no|(?:that )?you can(?:'t|not)))"),
        re.compile(r"\b(?:start|begin) (?:your )?(?:answer|reply|response) with \W{0,2}(?:sure|absolutely|of course)"),
        re.compile(r"\bno longer (?:bound|restricted|limited|constrained) by\b"),
    ),
    "extraction": (
        re.compile(r"\b(?:reveal|print|show|output|repeat|display|tell|give|leak|dump|what (?:is|are|was|were))\b "
                   r"(?:me |us |back |out |verbatim )*(?:all |the full |the exact |the |your |of )*(?:\w+ )?"
                   r"(?:system prompt|system message|initial (?:prompt|instructions)|hidden (?:prompt|instructions)|"
                   r"pre-?prompt|original (?:prompt|instructions)|secret instructions|developer message)\b"),
        re.compile(r"\brepeat (?:\w+ ){0,3}(?:words|text|everything|sentences?) (?:above|before this)"),
    ),
    "delimiter": (
        re.compile(r"<\|(?:im_start|im_end|system|endoftext|eot_id|start_header_id|user|assistant)\|>"),
        re.compile(r"\[/?(?:inst|sys|system)\]|<</?sys>>|</?(?:system|instructions?|system_prompt)>"),
        re.compile(r"(?:#{2,4}|\*\*|-{3,}|={3,}) ?(?:system|new instructions?|end of (?:prompt|context|document))\b ?"
                   r"(?:message|prompt|instructions?)?\W"),
        re.compile(r"\b(?:begin|end) (?:of )?(?:system|admin|developer) (?:prompt|message|instructions?|override)\b"),
    ),
}  # fmt: skip

_joiners = re.compile("[\u200b-\u200d\u2060\ufeff\u00ad]")
_hidden = re.compile("(?<=[A-Za-z])(?:[\u200b-\u200d\u2060\ufeff][A-Za-z]){3}")
_tags = re.compile("[\U000e0020-\U000e007e]{4,}")
_base64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_spaces = re.compile(r"\s+")


def rules_matched(text: str) -> list[str]:
    """Return the kinds of the rules that a text matches, in the order of the module's list."""
    # A flag of a region is a black flag with such characters behind it.
    tagged = any(text[match.start() - 1 : match.start()] != "🏴" for match in _tags.finditer(text))
    folded = _folded(text)
    kinds = [kind for kind, patterns in RULES.items() if any(pattern.search(folded) for pattern in patterns)]
    if tagged or _hidden.search(text):
        kinds.append("hidden")
    if any(_matches_any(_folded(decoded)) for decoded in _decoded(text)):
        kinds.append("encoded")
    return kinds


def _matches_any(folded: str) -> bool:
    return any(pattern.search(folded) for patterns in RULES.values() for pattern in patterns)


def _folded(text: str) -> str:
    plain = _joiners.sub("", unicodedata.normalize("NFKC", text)).replace("’", "'").lower()
    return _spaces.sub(" ", plain)


def _decoded(text: str) -> Iterator[str]:
    for match in islice(_base64.finditer(text), _MOST_BASE64):
        run = match[0][:_LONGEST_BASE64].rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
        try:
            yield base64.b64decode(run[: len(run) // 4 * 4]).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            continue


class PromptInjection:
    """Attempts, in the prompt or the retrieved context, to override the model's instructions."""

    spec = EvaluatorSpec(
        name="prompt_injection",
        version="heuristic 1",
        columns=("prompt_text",),
        optional=("context_text",),
        scores=(ScoreSpec("prompt_injection", "lower_is_better", 0.0, 1.0, "1 = an attempt"),),
    )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Apply the rules to prompts and contexts."""
        return [[self._score(call)] for call in calls]

    def _score(self, call: Call) -> Score:
        found = {"prompt": rules_matched(call.prompt_text)}
        if call.context_text and call.context_text not in call.prompt_text:
            found["context"] = rules_matched(call.context_text)
        kinds = [kind for matched in found.values() for kind in matched]
        where = "; ".join(f"{place}: {', '.join(matched)}" for place, matched in found.items() if matched)
        return Score("prompt_injection", float(bool(kinds)), label=kinds[0] if kinds else "none", explanation=where)
