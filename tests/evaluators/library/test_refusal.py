import json
import re
import time
from pathlib import Path

import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library import refusal
from watchglass_evaluators.library.refusal import RULES, Refusal, matching_rule
from watchglass_evaluators.testing import assert_evaluator_contract

LABELLED = [
    json.loads(line)
    for line in Path(__file__).parents[1].joinpath("refusals.jsonl").read_text(encoding="utf-8").splitlines()
]


def test_label_value_and_rule() -> None:
    texts = ["I’m sorry, but I can’t help with that.", "Sure, here it is."]
    scores = [scores[0] for scores in Refusal().score([Call(response_text=text) for text in texts])]
    assert [(s.value, s.label, s.explanation) for s in scores] == [
        (1.0, "refusal", "rule: cannot do it"),
        (0.0, "answer", ""),
    ]


def test_precision_and_recall_are_those_the_docstring_states() -> None:
    found = [(row["refusal"], bool(matching_rule(row["text"]))) for row in LABELLED]
    hits = found.count((True, True))
    precision = hits / (hits + found.count((False, True)))
    recall = hits / (hits + found.count((True, False)))
    stated = re.search(r"Precision (0\.\d\d) and recall (0\.\d\d) on the (\d+)", str(refusal.__doc__))
    assert stated is not None
    assert stated.groups() == (f"{precision:.2f}", f"{recall:.2f}", str(len(LABELLED)))


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_is_needed(rule: str) -> None:
    assert any(matching_rule(row["text"]) == rule for row in LABELLED if row["refusal"])


def test_a_refusal_late_in_the_answer_or_inside_a_quotation_does_not_count() -> None:
    assert not matching_rule("The story goes on. " * 20 + "I can't help with that.")
    assert not matching_rule('She said: "I cannot help you." Then she left.')


def test_no_text_makes_the_rules_slow() -> None:
    started = time.thread_time()
    for text in ("i can't " * 100, "i " * 300, "as an ai " * 60, '"' * 600, " " * 600, "not something that i " * 30):
        matching_rule(text)
    assert time.thread_time() - started < 1


def test_contract() -> None:
    assert_evaluator_contract(Refusal)
