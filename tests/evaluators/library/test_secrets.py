import time

import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library.secrets import PREFIXES, Secrets, bits_per_character, findings
from watchglass_evaluators.testing import assert_evaluator_contract

RANDOM = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY2zA4bC6dE8fG0hJ2kL4mN6"
# Put together here, so that no scanner takes this file for a leak.
EXAMPLES = {
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "aws": "AKIA" + "Q3EGRZ7MWYT4LV2D",
    "github": "ghp" + "_" + RANDOM[:36],
    "gitlab": "glpat" + "-" + RANDOM[:20],
    "slack": "xoxb" + "-123456789012-" + RANDOM[:20],
    "llm provider": "sk" + "-proj-" + RANDOM[:40],
    "google": "AIza" + RANDOM[:35],
    "stripe": "sk" + "_live_" + RANDOM[:24],
    "hugging face": "hf" + "_" + RANDOM[:34],
    "npm": "npm" + "_" + RANDOM[:36],
    "pypi": "pypi" + "-" + RANDOM[:52],
    "sendgrid": "SG." + RANDOM[:22] + "." + RANDOM[:43],
    "jwt": "eyJ" + RANDOM[:20] + ".eyJ" + RANDOM[:20] + "." + RANDOM[:20],
    "url": "postgres://admin:" + "s3cr3t!" + "@db.example/shop",
}


@pytest.mark.parametrize("kind", PREFIXES)
def test_each_kind(kind: str) -> None:
    assert findings(f"use {EXAMPLES[kind]} twice: {EXAMPLES[kind]} .") == {kind: 1}


@pytest.mark.parametrize("text", ["password = h8Kd02!xQz", 'api_key: "7f3Kq9ZpL2mX"', "The token is q7Wz81Lk0pTx"])
def test_an_assigned_value_that_looks_random(text: str) -> None:
    assert findings(text) == {"password": 1}


@pytest.mark.parametrize(
    "text",
    ["password = your_password_1", "token: ${GITHUB_TOKEN1}", "secret: xxxxxxxx11", "the password is correcthorse",
     "api_key=aaaaaaaa11111111", "sk-learn", "commit 3f786850e387550fdab836ed7e6dc881de23001b", "http://a.example:80/x@y"],
)  # fmt: skip
def test_what_is_no_secret(text: str) -> None:
    assert findings(text) == {}


def test_entropy_by_hand() -> None:
    assert bits_per_character("aaaa") == 0
    assert bits_per_character("abab") == 1
    assert bits_per_character("abcdefgh") == 3


def test_the_secret_itself_is_not_stored() -> None:
    scores = Secrets().score([Call(response_text=EXAMPLES["aws"], prompt_text=EXAMPLES["aws"])])[0]
    assert [(s.value, s.label, s.explanation) for s in scores] == [(1.0, "aws", "1 aws")] * 2


def test_no_text_makes_the_rules_slow() -> None:
    started = time.thread_time()
    for text in (
        "a" * 50_000,
        "eyJ" * 20_000,
        "token=" * 10_000,
        "a:a" * 20_000,
        "sk-" * 20_000,
        "-----BEGIN " * 5_000,
    ):
        findings(text)
    assert time.thread_time() - started < 5


def test_contract() -> None:
    assert_evaluator_contract(Secrets)
