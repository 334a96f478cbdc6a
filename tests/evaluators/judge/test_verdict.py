import json
import math

import pytest

from watchglass_evaluators.judge.verdict import InvalidVerdict, expected_value, parse

TOKEN = "a1b2c3d4e5f60718"
OFFERED = ("not_helpful", "partly_helpful", "helpful", "cannot_judge")
VALUES = {"not_helpful": 0.0, "partly_helpful": 0.5, "helpful": 1.0}


def reply(**changes: object) -> str:
    return json.dumps({"reasoning": "It does.", "token": TOKEN, "verdict": "helpful"} | changes)


@pytest.mark.parametrize("text", [reply(), f"\n {reply()}\n", f"```json\n{reply()}\n```", f"```\n{reply()}\n```"])
def test_one_verdict_is_read(text: str) -> None:
    verdict = parse(text, token=TOKEN, offered=OFFERED)
    assert (verdict.choice, verdict.reasoning) == ("helpful", "It does.")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("helpful", "not one JSON object"),
        ("<html><body>502</body></html>", "not one JSON object"),
        (reply()[:-3], "not one JSON object"),
        (reply() + reply(), "not one JSON object"),
        (reply() + "\n" + reply(verdict="not_helpful"), "not one JSON object"),
        (f"[{reply()}, {reply()}]", "exactly the keys"),
        (f"[{reply()}]", "exactly the keys"),
        (f"Here it is: {reply()}", "not one JSON object"),
        (f"```json\n{reply()}\n```\n```json\n{reply()}\n```", "not one JSON object"),
        (f'{{"reasoning": "", "token": "{TOKEN}", "verdict": "helpful", "verdict": "not_helpful"}}', "a key twice"),
        (reply(verdict="11/10"), "none of those offered"),
        (reply(verdict="10"), "none of those offered"),
        (reply(verdict="Helpful"), "none of those offered"),
        (reply(verdict="helpful "), "none of those offered"),
        (reply(verdict="hеlpful"), "none of those offered"),  # a Cyrillic letter
        (reply(verdict=""), "none of those offered"),
        (reply(verdict=1), "not texts"),
        (reply(verdict=True), "not texts"),
        (reply(verdict=None), "not texts"),
        (reply(verdict=["helpful", "not_helpful"]), "not texts"),
        (reply(verdict={"value": "helpful"}), "not texts"),
        (reply(verdict=math.nan), "number that is none"),
        (reply(reasoning=math.inf), "number that is none"),
        (reply(score=10), "exactly the keys"),
        (reply(token="0" * 16), "this prompt's token"),
        (reply(token=""), "this prompt's token"),
        (json.dumps({"reasoning": "x", "verdict": "helpful"}), "exactly the keys"),
        (json.dumps({"token": TOKEN, "verdict": "helpful"}), "exactly the keys"),
        (json.dumps({"Verdict": "helpful", "token": TOKEN, "reasoning": ""}), "exactly the keys"),
        ("[" * 100_000, "not one JSON object"),
        ('{"a":' * 100_000, "not one JSON object"),
        ("9" * 10_000, "not one JSON object"),
        ("null", "exactly the keys"),
        ("NaN", "number that is none"),
    ],
)
def test_anything_else_is_no_verdict(text: str, why: str) -> None:
    with pytest.raises(InvalidVerdict, match=why):
        parse(text, token=TOKEN, offered=OFFERED)


def test_reasons_never_repeat_the_reply() -> None:
    with pytest.raises(InvalidVerdict) as caught:
        parse(reply(verdict="<script>alert(1)</script>"), token=TOKEN, offered=OFFERED)
    assert "script" not in str(caught.value)


def test_reasoning_is_bounded_and_storable() -> None:
    verdict = parse(reply(reasoning="\ud800" + "x" * 50_000), token=TOKEN, offered=OFFERED)
    assert len(verdict.reasoning) == 2_000
    verdict.reasoning.encode()


class TestExpectedValue:
    @staticmethod
    def tokens(alternatives: list[tuple[str, float]], *, lead: str = "") -> list[dict]:
        """A reply whose verdict begins in one token, perhaps together with the quotation mark."""
        text = reply()
        place = text.index('"helpful"') + 1 - len(lead)
        chosen = lead + "helpful"
        parts = [text[:place], chosen, text[place + len(chosen) :]]
        others = [{"token": lead + word, "logprob": math.log(p)} for word, p in alternatives]
        return [
            {"token": part, "logprob": 0.0, "top_logprobs": others if i == 1 else []} for i, part in enumerate(parts)
        ]

    def weigh(self, tokens: list[dict] | None) -> float | None:
        return expected_value(reply(), tokens, "helpful", VALUES)

    @pytest.mark.parametrize("lead", ["", '"', ' "'])
    def test_mean_over_the_probabilities(self, lead: str) -> None:
        tokens = self.tokens([("helpful", 0.6), ("partly", 0.3), ("not", 0.1)], lead=lead)
        assert self.weigh(tokens) == pytest.approx(0.6 + 0.15)

    def test_what_is_no_verdict_is_left_out(self) -> None:
        tokens = self.tokens([("helpful", 0.6), ("cannot", 0.1), ("partly", 0.2), ("xyz", 0.1), ("", 0.0001)])
        assert self.weigh(tokens) == pytest.approx((0.6 + 0.1) / 0.8)

    def test_spellings_of_one_verdict_add_up(self) -> None:
        tokens = self.tokens([("helpful", 0.5), ("help", 0.2), ('helpful"', 0.1), ("n", 0.2)])
        assert self.weigh(tokens) == pytest.approx(0.8)

    def test_a_token_that_could_be_two_verdicts_tells_nothing(self) -> None:
        values = {"safe": 1.0, "safer": 2.0}
        content = json.dumps({"reasoning": "", "token": TOKEN, "verdict": "safe"})
        place = content.index('"safe"') + 1
        parts = [content[:place], "saf", content[place + 3 :]]
        others = [{"token": "saf", "logprob": 0.0}]
        tokens = [{"token": part, "top_logprobs": others} for part in parts]
        assert expected_value(content, tokens, "safe", values) is None

    @pytest.mark.parametrize("broken", [math.nan, math.inf, 0.7, "-0.1x", None])
    def test_broken_probabilities_tell_nothing(self, broken: object) -> None:
        tokens = self.tokens([("helpful", 0.9)])
        tokens[1]["top_logprobs"].append({"token": "not", "logprob": broken})
        assert self.weigh(tokens) is None

    def test_too_little_or_too_much_mass_tells_nothing(self) -> None:
        assert self.weigh(self.tokens([("helpful", 0.3), ("not", 0.1)])) is None
        assert self.weigh(self.tokens([("helpful", 0.9), ("not", 0.9)])) is None

    def test_a_verdict_that_is_not_among_them_tells_nothing(self) -> None:
        assert self.weigh(self.tokens([("not", 0.9)])) is None

    def test_tokens_of_another_text_or_none_tell_nothing(self) -> None:
        tokens = self.tokens([("helpful", 0.9)])
        assert self.weigh(tokens[1:]) is None
        assert self.weigh(None) is None
        assert self.weigh([]) is None
        assert self.weigh([{"no": "token"}]) is None
        assert self.weigh(["x"]) is None

    def test_a_verdict_named_in_the_reasoning_is_not_the_place(self) -> None:
        content = reply(reasoning='They wrote "verdict": "not_helpful".')
        place = content.rindex('"helpful"') + 1
        parts = [content[:place], "helpful", content[place + 7 :]]
        tokens = [{"token": p, "top_logprobs": [{"token": "helpful", "logprob": 0.0}]} for p in parts]
        assert expected_value(content, tokens, "helpful", VALUES) == 1.0
