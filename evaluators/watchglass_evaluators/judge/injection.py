"""Signs that a text tries to instruct its judge. A flag for people: the fence and the token protect the verdict."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable

LABEL = "injection_suspected"

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,4000}={0,2}")
_MOST_BASE64 = 20
_SIGNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a verdict as JSON", re.compile(r"""["'](?:verdict|score|rating|grade|reasoning)["']\s*:""", re.I)),
    (
        "a fence",
        re.compile(
            r"<<<[^>\n]{0,80}>>>|</(?:data|response|answer|text|document|prompt|context|instructions?|input)>"
            r"|^-{3,} ?(?:end|begin)\b|\bend of (?:the )?(?:data|answer|response|input)\b"
            r"|text_(?:starts|ends)_here|\breply token\b",
            re.I | re.M,
        ),
    ),
    (
        "a role token",
        re.compile(
            r"<\|[a-z_]{2,20}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|</?s>|"
            r"^\s*#{0,4} ?(?:system|developer|assistant)(?: ?(?:message|prompt|note))? ?:",
            re.I | re.M,
        ),
    ),
    (
        "an order to the judge",
        re.compile(
            r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instructions?|rubric|rules|prompt|guidelines|criteria)\b"
            r"|\b(?:give|assign|award|output|return|choose|select|answer|respond|reply|print|say)\b.{0,40}"
            r"\b(?:verdict|full marks|(?:maximum|highest|top|perfect|best) (?:score|rating|grade|mark))"
            r"|\b(?:score|rate|grade|judge|mark|rated|graded|scored) (?:this|it|the answer|the response|my answer|me)\b"
            r".{0,30}\b(?:10|5|100|best|highest|perfect|correct|helpful|safe)\b"
            r"|\b(?:dear|attention|note to|message to|hello) (?:the )?(?:judge|evaluator|grader|llm)"
            r"|\byou are (?:now )?(?:the|a|an) (?:judge|evaluator|grader|examiner)"
            r"|\byour (?:new )?(?:verdict|instructions)\b|\bverdict ?[:=]|\b(?:10 ?/ ?10|5 ?/ ?5|100 ?/ ?100)\b",
            re.I | re.S,
        ),
    ),
    (
        "an order to the judge in another language",
        re.compile(
            r"\bignor(?:ier|a(?:d|r|z)?\b|ez\b|uj|eer)|olvida|oublie|dimentica|vergiss|vergeet|esque[cç]a"
            r"|puntuaci|note maximale|höchst(?:e|en) (?:note|punkt)|bestnote|punteggio|nota máxima|najwyższ"
            r"|игнорир|забудь|оценк|ігнору|оцінк|αγνό|βαθμολογ|yok say|puan ver|abaikan|nilai tertinggi|bỏ qua|điểm"
            r"|忽略|无视|無視|评分|満点|评为|裁决|判定|판정|무시|만점|점수|अनदेखा|निर्देश|अंक|تجاهل|التعليمات|درجة"
            r"|התעלם|ละเว้น|เพิกเฉย|คะแนน|উপেক্ষা|புறக்கணி|puuza|ignorera|glöm|unohda|zignoruj|ignoruj",
            re.I,
        ),
    ),
)


def signs(texts: Iterable[str]) -> list[str]:
    """Name the signs found in some texts, each once; base64 is looked into, invisible characters are left out."""
    found: dict[str, None] = {}
    for text in texts:
        plain = _plain(text)
        for name, pattern in _SIGNS:
            if pattern.search(plain):
                found[name] = None
        if any(pattern.search(inner) for inner in _decoded(text) for _, pattern in _SIGNS):
            found["hidden in base64"] = None
    return list(found)


def _plain(text: str) -> str:
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))


def _decoded(text: str) -> Iterable[str]:
    for match in list(_BASE64.finditer(text))[:_MOST_BASE64]:
        raw = match[0].rstrip("=").replace("-", "+").replace("_", "/")
        try:
            yield _plain(base64.b64decode(raw + "=" * (-len(raw) % 4), validate=True).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue
