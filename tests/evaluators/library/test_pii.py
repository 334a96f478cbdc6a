import time

import pytest

from watchglass_evaluators import Call
from watchglass_evaluators.library.pii import Pii, findings
from watchglass_evaluators.testing import assert_evaluator_contract


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write to Ann.Lee+x@mail.example.com, ann.lee+x@MAIL.example.com or bob@example.org.", {"email": 2}),
        ("user@localhost, @handle, a @ b", {}),
        ("call +49 (0)176 1234567, (650) 253-0000 or 415-555-2671", {"phone": 3}),
        ("order 1234567890123, 2026-11-27 12:30, +1, 10-20-30", {}),
        ("4111 1111 1111 1111, 4111-1111-1111-1111, 4111111111111112", {"card": 1}),
        ("0000 0000 0000 0000 and 1111111111111117", {}),
        ("DE89 3704 0044 0532 0130 00 THIS IS IT, GB29NWBK60161331926819", {"iban": 2}),
        ("DE88 3704 0044 0532 0130 00", {}),
        ("SSN 123-45-6789, not 000-12-3456, 666-12-3456 or 123-45-67890", {"ssn": 1}),
        ("from 203.0.113.9 and 2001:db8::8a2e:370:7334, not 127.0.0.1, 999.1.1.1 or 1.2.3.4.5", {"ip": 2}),
        ("at 10:30:45 std::vector a::b ::1", {}),
        ("", {}),
    ],
)
def test_kinds(text: str, found: dict[str, int]) -> None:
    assert findings(text) == found


def test_score_label_and_explanation_hold_no_personal_data() -> None:
    call = Call(response_text="Ask ann@example.com or bob@example.com at 203.0.113.9.", prompt_text="Who?")
    answer, prompt = Pii().score([call])[0]
    assert (answer.value, answer.label, answer.explanation) == (3.0, "email, ip", "2 email, 1 ip")
    assert (prompt.value, prompt.label, prompt.explanation) == (0.0, "none", "")
    assert Pii().score([Call(response_text="x")])[0][1].reason == "no prompt_text"


def test_no_text_makes_the_rules_slow() -> None:
    started = time.thread_time()
    for text in (
        "a" * 50_000,
        "a.a@" * 20_000,
        "1 " * 50_000,
        "1-" * 50_000,
        "+1 (" * 20_000,
        ":1" * 30_000,
        "AA11 " * 9_000,
    ):
        findings(text)
    assert time.thread_time() - started < 5


def test_contract() -> None:
    assert_evaluator_contract(Pii)
