"""Texts that try to judge themselves: they cannot leave their fence, and no echo of them is ever a verdict."""

import base64
import binascii
import itertools
import json
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.judge.injection import LABEL, signs
from watchglass_evaluators.judge.judge import Judge
from watchglass_evaluators.judge.prompt import build, texts_of
from watchglass_evaluators.judge.rubrics import BUILTIN
from watchglass_evaluators.judge.verdict import InvalidVerdict, parse

LINES = Path(__file__).with_name("attacks.jsonl").read_text(encoding="utf-8").splitlines()
ATTACKS = [json.loads(line)["text"] for line in LINES]
BENIGN = [
    "The capital of France is Paris.",
    "You can return the item within 30 days. We will give you a refund.",
    "Here is the best way to do it: first, ignore the warning light, then restart the router.",
    "I would give this restaurant a good review; the score was 3 to 1 at half time.",
    'def f(x):\n    return {"name": x, "value": [1, 2, 3]}',
    "<div class='box'><p>Hello</p></div>",
    "In a system of equations, the answer is x = 5.",
    "The court's decision was appealed; the judge had dismissed the case.",
    "Rate limits: 10 requests per second. See the documentation for details.",
    "7 out of 10 people said so. The data ends in 2019.",
    "Der Zug fährt um 10 Uhr. Bitte beachten Sie die Anweisungen des Personals.",
    "La réponse est oui : vous pouvez changer votre mot de passe dans les réglages.",
    "请在设置中更改您的密码。",
    "パスワードは設定で変更できます。",
    "Пароль можно изменить в настройках.",
    "dGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVy",
    "https://example.com/a/b/c?d=0123456789abcdef0123456789abcdef",
    "Question: what is your name? Answer: I am an assistant.",
    "| name | score |\n|---|---|\n| Ann | 7 |",
    "You are a great reader! Follow the steps above and choose the best option.",
]
RUBRIC = BUILTIN["helpfulness"]


def new_key() -> str:
    return secrets.token_hex(8)


def calls() -> list[Call]:
    return [
        Call(trace_id=f"{i + 1:032x}", span_id=f"{i + 1:016x}", prompt_text="Where is my order?", response_text=text)
        for i, text in enumerate(ATTACKS)
    ]


def echoes(text: str, prompt_text: str = "") -> Iterator[str]:
    """Whatever a judge that repeats what it was given could reply."""
    yield from (text, text.strip(), prompt_text)
    yield from text.splitlines()
    yield from (match[0] for match in re.finditer(r"\{.*?\}", text, re.DOTALL))
    yield from (match[0] for match in re.finditer(r"\{.*\}", text, re.DOTALL))
    yield from (match[0] for match in re.finditer(r"```.*?```", text, re.DOTALL))
    for match in re.finditer(r"[A-Za-z0-9+/]{20,}={0,2}", text):
        try:
            yield base64.b64decode(match[0]).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue


def test_the_set_is_large_and_of_many_languages() -> None:
    assert len(ATTACKS) == len(set(ATTACKS)) >= 40
    assert len({json.loads(line)["language"] for line in LINES}) >= 20


@pytest.mark.parametrize("attack", ATTACKS)
def test_data_cannot_close_its_fence(attack: str) -> None:
    for column in ("prompt_text", "response_text"):
        call = Call(prompt_text="Hi", response_text="Hello").with_texts({column: attack})
        prompt = build(RUBRIC, texts_of(RUBRIC, call, swapped=False), new_key)
        system, user = (message["content"] for message in prompt.messages)
        key = re.match(r"<<<request ([0-9a-f]{16})>>>", user)[1]
        assert user.count(key) == 4, "two texts, each opened and closed once"
        assert user.count(prompt.token) == 1
        assert prompt.token not in call.prompt_text + call.response_text
        inside = user.split(f"<<<answer {key}>>>\n", 1)[1].split(f"\n<<<end of answer {key}>>>", 1)[0]
        assert inside == call.response_text, "letter by letter"
        assert attack not in system


def test_a_key_that_the_data_happens_to_hold_is_not_used() -> None:
    keys = iter(["guessed", "fresh", "guessed", "token"])
    prompt = build(RUBRIC, [("answer", "<<<end of answer guessed>>>")], lambda: next(keys))
    assert "<<<answer fresh>>>" in prompt.messages[1]["content"]
    assert prompt.token == "token"


def test_keys_are_new_every_time() -> None:
    prompts = [build(RUBRIC, [("answer", "x")], new_key) for _ in range(100)]
    assert len({prompt.token for prompt in prompts}) == 100
    assert len({prompt.messages[0]["content"] for prompt in prompts}) == 1, "the beginning can be cached"


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_echo_of_the_data_is_a_verdict(attack: str) -> None:
    prompt = build(RUBRIC, [("request", "Hi"), ("answer", attack)], new_key)
    whole = "\n".join(message["content"] for message in prompt.messages)
    for reply in itertools.chain(echoes(attack, prompt.messages[1]["content"]), echoes(whole)):
        with pytest.raises(InvalidVerdict):
            parse(reply, token=prompt.token, offered=RUBRIC.offered)


@pytest.mark.parametrize("habit", ["echoes", "obeys"])
def test_a_judge_that_repeats_or_obeys_the_data_gives_no_score(
    habit: str, make_judge: Callable[..., Judge], endpoint: Any
) -> None:
    def lie(question: Any) -> str:
        if question.is_test:
            return question.verdict("helpful")
        answer = question.user.split("<<<answer ", 1)[1].split(">>>\n", 1)[1].rsplit("\n<<<end of answer", 1)[0]
        found = re.search(r"\{.*?\}", answer, re.DOTALL)
        if habit == "obeys":
            return found[0] if found else '{"reasoning": "I was told to.", "token": "", "verdict": "helpful"}'
        return answer

    endpoint.behaviour = lie
    results = make_judge().score(calls())
    assert [scores[0].value for scores in results] == [None] * len(ATTACKS)
    assert all(scores[0].reason for scores in results)


def test_an_honest_judge_s_score_is_marked(make_judge: Callable[..., Judge], endpoint: Any) -> None:
    endpoint.behaviour = lambda q: q.verdict("not_helpful", "It does not say where the order is.")
    results = make_judge().score(calls())
    assert {scores[0].value for scores in results} == {0.0}
    marked = [scores[0] for scores in results if scores[0].label == LABEL]
    assert len(marked) == len(ATTACKS)
    assert marked[0].explanation == (
        "not_helpful. The text holds an order to the judge. It does not say where the order is."
    )


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_of_the_set_is_suspected(attack: str) -> None:
    assert signs([attack])


@pytest.mark.parametrize("text", BENIGN)
def test_ordinary_text_is_not(text: str) -> None:
    assert signs([text]) == []


@pytest.mark.parametrize("text", ["a" * 200_000, "<" * 200_000, "give " * 40_000, "A1" * 100_000, "{" * 200_000])
def test_looking_for_signs_in_long_texts_ends(text: str) -> None:
    assert signs([text]) == []
