"""One judge against a real endpoint that answers well, slowly, wrongly, or not at all."""

import json
import math
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from watchglass_evaluators import Call, EvaluatorUnavailable, Score
from watchglass_evaluators.judge.judge import Judge
from watchglass_evaluators.testing import assert_evaluator_contract
from watchglass_store import Store

Make = Callable[..., Judge]


def call(number: int = 1, **texts: str) -> Call:
    own = {"prompt_text": f"Question {number}?", "response_text": f"Answer {number}."} | texts
    return Call(trace_id=f"{number:032x}", span_id=f"{number:016x}", **own)


def one(judge: Judge, *calls: Call) -> Score:
    [[score]] = judge.score(calls or [call()])
    return score


def committed(store: Store) -> float:
    from watchglass_store.queries.judge import committed_usd

    day = store.query("SELECT max(day) AS day FROM judge_ledger")[0]["day"]
    return committed_usd(store, day)


def test_a_verdict_becomes_a_score(make_judge: Make, endpoint: Any, wire: Any, store: Store) -> None:
    judge = make_judge()
    score = one(judge)
    assert (score.name, score.value, score.label, score.reason) == ("judge_helpfulness", 1.0, "helpful", "")
    assert (score.explanation, score.cost_usd) == ("Because.", pytest.approx(wire.COST_USD))
    assert score.selection_probability == 1
    [question] = endpoint.questions
    body = question.body
    assert (body["model"], body["temperature"], body["max_tokens"], body["stream"]) == (wire.MODEL, 0.0, 800, False)
    assert body["response_format"]["json_schema"]["schema"]["properties"]["verdict"]["enum"] == [
        "not_helpful", "partly_helpful", "helpful", "cannot_judge",
    ]  # fmt: skip
    assert list(body["response_format"]["json_schema"]["schema"]["properties"]) == ["reasoning", "token", "verdict"]
    assert question.headers["authorization"] == f"Bearer {wire.KEY}"
    assert judge.spec.source == "judge"
    rows = store.query("SELECT event, outcome, cost_usd, requests, input_tokens FROM judge_ledger ORDER BY event")
    assert [row["event"] for row in rows] == ["reserve", "settle"]
    assert rows[0]["cost_usd"] > rows[1]["cost_usd"] == pytest.approx(wire.COST_USD)
    assert (rows[1]["outcome"], rows[1]["requests"], rows[1]["input_tokens"]) == ("valid", 1, wire.INPUT_TOKENS)


def test_the_contract_of_all_evaluators(make_judge: Make) -> None:
    assert_evaluator_contract(make_judge)


def test_the_contract_of_a_jury_with_votes(make_judge: Make, endpoint: Any) -> None:
    endpoint.behaviour = lambda q: q.verdict("helpful" if q.body["model"] == "judge-2" else "partly_helpful")
    assert_evaluator_contract(lambda: make_judge(jury=["judge-2"], votes=2))


WRONG: dict[str, Callable[[Any, Any], Any]] = {
    "empty body": lambda q, w: w.Raw(body=b""),
    "empty content": lambda q, w: w.completion(""),
    "no content": lambda q, w: w.completion(None),
    "content of parts": lambda q, w: w.completion([{"type": "text", "text": q.verdict("helpful")}]),
    "HTML": lambda q, w: w.Raw(body=b"<html><body>It works!</body></html>", headers={"content-type": "text/html"}),
    "HTML as content": lambda q, w: w.completion("<html>helpful</html>"),
    "broken JSON": lambda q, w: w.Raw(body=b'{"choices": [{"mess'),
    "broken verdict": lambda q, w: w.completion(q.verdict("helpful")[:-4]),
    "11/10": lambda q, w: w.completion(q.verdict("11/10")),
    "NaN": lambda q, w: w.completion(q.verdict("helpful").replace('"helpful"', "NaN")),
    "NaN body": lambda q, w: w.Raw(body=b"NaN"),
    "two verdicts": lambda q, w: w.completion(q.verdict("helpful") + "\n" + q.verdict("not_helpful")),
    "two keys": lambda q, w: w.completion(q.verdict("helpful")[:-1] + ', "verdict": "not_helpful"}'),
    "two choices": lambda q, w: two_choices(q, w),
    "no choices": lambda q, w: w.Raw(body=b'{"choices": []}'),
    "wrong schema": lambda q, w: w.completion(json.dumps({"rating": 5, "explanation": "good"})),
    "wrong envelope": lambda q, w: w.Raw(body=json.dumps({"output": [{"text": q.verdict("helpful")}]}).encode()),
    "cut off": lambda q, w: w.completion(q.verdict("helpful"), finish="length"),
    "filtered": lambda q, w: w.completion(q.verdict("helpful"), finish="content_filter"),
    "prose": lambda q, w: w.completion("The answer is helpful."),
    "an old token": lambda q, w: w.completion(q.verdict("helpful").replace(q.token, "f" * 16)),
    "10 MB": lambda q, w: w.Raw(body=b'{"choices": [' + b" " * 10_000_000 + b"]}"),
    "half a stream": lambda q, w: w.Raw(body=w.completion(q.verdict("helpful")).body[:80], claimed_length=4_000),
    "gzip": lambda q, w: w.Raw(body=b"\x1f\x8b" + b"0" * 50, headers={"content-encoding": "gzip"}),
    "redirect": lambda q, w: w.Raw(302, headers={"location": "http://127.0.0.1:1/elsewhere"}),
    "500": lambda q, w: w.error(500),
    "400": lambda q, w: w.error(400, "context_length_exceeded"),
    "deep": lambda q, w: w.Raw(body=b"[" * 200_000),
    "not UTF-8": lambda q, w: w.Raw(body=b'{"choices": "\xff\xfe"}'),
}


def two_choices(question: Any, wire: Any) -> Any:
    body = json.loads(wire.completion(question.verdict("helpful")).body)
    body["choices"] *= 2
    return wire.Raw(body=json.dumps(body).encode())


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_reply_to_one_call_is_tried_thrice_then_unscored(
    kind: str, make_judge: Make, endpoint: Any, wire: Any, store: Store
) -> None:
    endpoint.behaviour = lambda q: WRONG[kind](q, wire) if "Question 2?" in q.user else q.verdict("helpful")
    results = make_judge().score([call(1), call(2), call(3)])
    assert [scores[0].value for scores in results] == [1.0, None, 1.0]
    assert results[1][0].reason
    assert len(results[1][0].reason) < 200
    assert sum("Question 2?" in q.user for q in endpoint.questions) == 3
    assert sum(q.is_test for q in endpoint.questions) == 1, "one test: it is the call, not the judge"
    assert committed(store) >= endpoint.billed_usd * (1 - 1e-9), "what cannot be known is counted in full"


@pytest.mark.parametrize("kind", WRONG)
def test_a_judge_that_always_replies_wrongly_waits_and_nothing_is_invented(
    kind: str, make_judge: Make, endpoint: Any, wire: Any, store: Store
) -> None:
    endpoint.behaviour = lambda q: WRONG[kind](q, wire)
    judge = make_judge()
    with pytest.raises(EvaluatorUnavailable, match="the judge does not work, a test call came to"):
        judge.score([call(i) for i in range(40)])
    assert len(endpoint.asked) <= 64, "it stops early"
    asked = len(endpoint.questions)
    with pytest.raises(EvaluatorUnavailable):
        judge.score([call(1)])
    assert len(endpoint.questions) == asked, "and asks no more for a while"
    assert store.query("SELECT count() AS n FROM judge_verdicts")[0]["n"] == 0


def test_a_judge_that_works_again_is_found_by_one_test(make_judge: Make, endpoint: Any, clock: Any) -> None:
    endpoint.behaviour = lambda q: "nonsense"
    judge = make_judge()
    with pytest.raises(EvaluatorUnavailable):
        judge.score([call(i) for i in range(10)])
    clock.advance(31)
    endpoint.behaviour = lambda q: q.verdict("partly_helpful")
    endpoint.questions.clear()
    assert [scores[0].value for scores in judge.score([call(i) for i in range(10)])] == [0.5] * 10
    assert [q.is_test for q in endpoint.questions].count(True) == 1
    assert endpoint.questions[0].is_test


def test_a_hang_ends_at_the_time_limit(make_judge: Make, endpoint: Any, wire: Any, store: Store) -> None:
    endpoint.behaviour = lambda q: wire.Raw(hang_s=60) if "Question 2?" in q.user else q.verdict("helpful")
    results = make_judge(timeout_s=0.3).score([call(1), call(2)])
    assert [scores[0].value for scores in results] == [1.0, None]
    assert results[1][0].reason == "the endpoint took longer than 0.3 s"
    assert committed(store) > 3 * wire.COST_USD, "what may have been billed is counted"


def test_nobody_listens(make_judge: Make, free_ports: Callable[[], int], store: Store) -> None:
    judge = make_judge(base_url=f"http://127.0.0.1:{free_ports()}/v1")
    with pytest.raises(EvaluatorUnavailable, match="a test call came to: the endpoint cannot be reached"):
        judge.score([call()])
    assert committed(store) == 0


class TestLimits:
    def test_429_is_waited_for_and_is_no_try(self, make_judge: Make, endpoint: Any, wire: Any, pause: Any) -> None:
        limited = iter([wire.error(429, "rate_limit_exceeded", headers={"retry-after": "7"})] * 4)
        endpoint.behaviour = lambda q: next(limited, None) or q.verdict("helpful")
        score = one(make_judge())
        assert score.value == 1.0
        assert pause.waited == pytest.approx([7.0] * 4)
        assert score.cost_usd == pytest.approx(wire.COST_USD), "429 costs nothing"

    def test_429_without_a_time_backs_off_with_jitter(
        self, make_judge: Make, endpoint: Any, wire: Any, pause: Any
    ) -> None:
        limited = iter([wire.error(429)] * 3)
        endpoint.behaviour = lambda q: next(limited, None) or q.verdict("helpful")
        assert one(make_judge()).value == 1.0
        assert [w <= m for w, m in zip(pause.waited, (1, 2, 4), strict=True)] == [True] * 3

    def test_429_for_ever_waits_and_loses_nothing(self, make_judge: Make, endpoint: Any, wire: Any) -> None:
        endpoint.behaviour = lambda q: wire.error(429, headers={"retry-after": "1"})
        with pytest.raises(EvaluatorUnavailable, match="429, too many requests, 5 times in a row"):
            one(make_judge())

    def test_a_long_pause_is_left_to_the_next_look(
        self, make_judge: Make, endpoint: Any, wire: Any, pause: Any, clock: Any
    ) -> None:
        endpoint.behaviour = lambda q: wire.error(429, headers={"retry-after": "3600"})
        judge = make_judge()
        for _ in range(3):
            with pytest.raises(EvaluatorUnavailable, match="wants no request for"):
                one(judge)
            clock.advance(30)
        assert len(endpoint.questions) == 1
        assert pause.waited == []
        clock.advance(3_600)
        endpoint.behaviour = lambda q: q.verdict("helpful")
        assert one(judge).value == 1.0

    def test_requests_a_minute(self, make_judge: Make, pause: Any, clock: Any) -> None:
        before = clock.now
        make_judge(requests_per_minute=30, concurrency=1).score([call(i) for i in range(60)])
        assert 58 <= sum(pause.waited) <= 62
        assert 58 <= (clock.now - before).total_seconds() <= 62

    def test_concurrency_is_used_and_kept(self, make_judge: Make, endpoint: Any) -> None:
        arrived = threading.Barrier(4)

        def together(question: Any) -> str:
            arrived.wait(10)  # passes only when four are under way at once
            return question.verdict("helpful")

        endpoint.behaviour = together
        make_judge(concurrency=4).score([call(i) for i in range(16)])
        assert endpoint.most_at_once == 4

    def test_stopping_ends_the_waiting(self, make_judge: Make, pause: Any) -> None:
        pause.is_stopping = True
        with pytest.raises(EvaluatorUnavailable, match="the worker is stopping"):
            one(make_judge())

    def test_5xx_is_tried_again_after_a_while(self, make_judge: Make, endpoint: Any, wire: Any, pause: Any) -> None:
        failing = iter([wire.error(500), wire.error(503, headers={"retry-after": "9"})])
        endpoint.behaviour = lambda q: next(failing, None) or q.verdict("helpful")
        assert one(make_judge()).value == 1.0
        assert len(pause.waited) == 2
        assert pause.waited[1] == 9


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "code", "says"),
        [
            (401, "invalid_api_key", "401 (invalid_api_key): check the key"),
            (402, "", "402: check quota and billing"),
            (403, "", "403: check the key"),
            (429, "insufficient_quota", "429 (insufficient_quota): check quota and billing"),
            (400, "billing_hard_limit_reached", "400 (billing_hard_limit_reached): check quota and billing"),
        ],
    )
    def test_auth_and_billing_stop_everything_until_a_test_passes(
        self, status: int, code: str, says: str, make_judge: Make, endpoint: Any, wire: Any, clock: Any, store: Store
    ) -> None:
        message = f"Incorrect API key provided: {wire.KEY}"
        endpoint.behaviour = lambda q: wire.error(status, code, message)
        judge = make_judge()
        with pytest.raises(EvaluatorUnavailable) as caught:
            judge.score([call(i) for i in range(40)])
        assert str(caught.value) == f"the endpoint answered {says}"
        assert len(endpoint.questions) <= 4, "only what was under way"
        asked = len(endpoint.questions)
        for _ in range(5):
            with pytest.raises(EvaluatorUnavailable):
                one(judge)
        assert len(endpoint.questions) == asked
        assert committed(store) == 0
        clock.advance(31)
        with pytest.raises(EvaluatorUnavailable):
            one(judge)
        assert len(endpoint.questions) == asked + 1
        assert endpoint.questions[-1].is_test
        clock.advance(61)
        endpoint.behaviour = lambda q: q.verdict("helpful")
        assert one(judge).value == 1.0

    def test_judges_of_one_endpoint_share_the_breaker(
        self, store: Store, clock: Any, pause: Any, judge_config: Any, endpoint: Any, wire: Any
    ) -> None:
        from watchglass_evaluators.judge.factory import JudgeFactory

        config = judge_config(rubrics=["helpfulness", "safety"])
        factory = JudgeFactory(config, store, clock=clock, pause=pause)
        endpoint.behaviour = lambda q: wire.error(401)
        judges = [factory.make("judge_helpfulness"), factory.make("judge_safety")]
        for judge in judges:
            with pytest.raises(EvaluatorUnavailable, match="401"):
                judge.score([call()])
        assert len(endpoint.questions) == 1


class TestLadder:
    def test_an_endpoint_without_schemas_is_asked_for_json(
        self, make_judge: Make, endpoint: Any, wire: Any, store: Store
    ) -> None:
        def no_schemas(question: Any) -> Any:
            if question.body.get("response_format", {}).get("type") == "json_schema":
                return wire.error(400, "invalid", "response_format json_schema is not supported")
            return question.verdict("helpful")

        endpoint.behaviour = no_schemas
        judge = make_judge(concurrency=1)
        assert [scores[0].value for scores in judge.score([call(1), call(2)])] == [1.0, 1.0]
        formats = [q.body["response_format"]["type"] for q in endpoint.questions]
        assert formats == ["json_schema", "json_object", "json_object"], "remembered"

    def test_an_endpoint_that_knows_no_options(self, make_judge: Make, endpoint: Any, wire: Any) -> None:
        def bare(question: Any) -> Any:
            for option in ("response_format", "logprobs"):
                if option in question.body:
                    return wire.error(422, "", f"Unknown field: {option}")
            return question.verdict("helpful")

        endpoint.behaviour = bare
        assert one(make_judge(logprobs=True)).value == 1.0
        assert "response_format" not in endpoint.questions[-1].body
        assert "logprobs" not in endpoint.questions[-1].body

    def test_settings_are_sent_as_they_are(self, make_judge: Make, endpoint: Any) -> None:
        one(
            make_judge(
                max_tokens_parameter="max_completion_tokens", max_output_tokens=99, temperature="default", seed=7
            )
        )
        body = endpoint.questions[0].body
        assert (body["max_completion_tokens"], body["seed"]) == (99, 7)
        assert not {"max_tokens", "temperature"} & set(body)


class TestPanels:
    def test_a_jury_s_mean_and_agreement(self, make_judge: Make, endpoint: Any, store: Store, wire: Any) -> None:
        said = {"judge-1": "helpful", "judge-2": "helpful", "judge-3": "not_helpful"}
        endpoint.behaviour = lambda q: q.verdict(said[q.body["model"]], q.body["model"])
        judge = make_judge(jury=["judge-2", "judge-3"])
        [[score, agreement]] = judge.score([call()])
        assert (score.value, score.label) == (pytest.approx(2 / 3), "helpful")
        assert (agreement.name, agreement.value) == ("judge_helpfulness_agreement", pytest.approx(2 / 3))
        assert score.cost_usd == pytest.approx(3 * wire.COST_USD)
        [row] = store.query("SELECT votes, agreement FROM judge_verdicts")
        assert len(row["votes"]) == 3
        [[again, _]] = judge.score([call(response_text="Answer 1.")])
        assert (again.value, len(endpoint.questions)) == (score.value, 3)

    def test_votes_outvote_an_invalid_one(self, make_judge: Make, endpoint: Any) -> None:
        endpoint.behaviour = lambda q: "?" if q.body["model"] == "judge-2" else q.verdict("helpful")
        [[score, agreement]] = make_judge(jury=["judge-2", "judge-3"]).score([call()])
        assert (score.value, agreement.value) == (1.0, 1.0)

    def test_a_jury_without_a_majority_is_unscored(self, make_judge: Make, endpoint: Any) -> None:
        endpoint.behaviour = lambda q: "?" if q.body["model"] == "judge-2" and not q.is_test else q.verdict("helpful")
        [scores] = make_judge(jury=["judge-2"]).score([call()])
        assert [score.value for score in scores] == [None, None]
        assert scores[0].reason == "1 of 2 votes were valid: the reply is not one JSON object"

    def test_a_comparison_asks_in_both_orders(self, make_judge: Make, endpoint: Any) -> None:
        def prefers_long(question: Any) -> str:
            first = question.user.split("first answer", 1)[1].split("second answer", 1)[0]
            return question.verdict("first" if "much longer" in first else "second")

        endpoint.behaviour = prefers_long
        judge = make_judge(rubrics=["preference"])
        assert one(judge, call(1, response_text="A much longer one.", reference_text="Short.")).value == 1.0
        assert one(judge, call(2, reference_text="A much longer one.", response_text="Short.")).value == 0.0

    @pytest.mark.parametrize(("rule", "value"), [("tie", 0.5), ("unscored", None)])
    def test_a_judge_that_prefers_a_place_counts_for_nothing(
        self, rule: str, value: float | None, make_judge: Make, endpoint: Any
    ) -> None:
        endpoint.behaviour = lambda q: q.verdict("first")
        judge = make_judge(rubrics=["preference"], on_disagreement=rule)
        score = one(judge, call(reference_text="Another."))
        assert score.value == value
        assert bool(score.reason) == (value is None)

    def test_log_probabilities_weigh_the_verdicts(
        self, make_judge: Make, endpoint: Any, wire: Any, store: Store
    ) -> None:
        def torn(question: Any) -> Any:
            text = question.verdict("helpful")
            return wire.completion(text, logprobs=wire.tokens_of(text, {"helpful": 0.7, "partly": 0.3}, "helpful"))

        endpoint.behaviour = torn
        assert one(make_judge(logprobs=True)).value == pytest.approx(0.85)
        assert endpoint.questions[0].body["top_logprobs"] == 20
        assert store.query("SELECT method, choice FROM judge_verdicts") == [{"method": "logprobs", "choice": "helpful"}]

    def test_a_judge_that_cannot_tell_is_believed(self, make_judge: Make, endpoint: Any) -> None:
        endpoint.behaviour = lambda q: q.verdict("cannot_judge", "The order number is missing.")
        score = one(make_judge())
        assert (score.value, score.reason) == (None, "the judge says that the texts do not settle it")
        assert score.explanation == "The order number is missing."
        assert len(endpoint.questions) == 1


class TestCache:
    def test_the_same_texts_are_judged_once(self, make_judge: Make, endpoint: Any, wire: Any) -> None:
        same = {"prompt_text": "Hi", "response_text": "Hello"}
        judge = make_judge()
        results = judge.score([call(i, **same) for i in range(10)])
        assert [scores[0].value for scores in results] == [1.0] * 10
        assert len(endpoint.questions) == 1
        assert sum(scores[0].cost_usd for scores in results) == pytest.approx(wire.COST_USD)
        assert make_judge().score([call(99, **same)])[0][0].cost_usd == 0, "another life knows it too"
        assert len(endpoint.questions) == 1

    def test_what_was_paid_for_a_call_is_its_cost_after_a_crash_too(self, make_judge: Make, wire: Any) -> None:
        make_judge().score([call()])
        assert one(make_judge()).cost_usd == pytest.approx(wire.COST_USD)

    @pytest.mark.parametrize(
        "change", [{"model": "judge-9"}, {"votes": 3}, {"temperature": 0.7}, {"logprobs": True}, {"jury": ["judge-2"]}]
    )
    def test_any_change_is_a_new_version_and_judged_anew(
        self, change: dict[str, Any], make_judge: Make, endpoint: Any, judge_config: Any
    ) -> None:
        prices = {name: {"input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 1}
                  for name in ("judge-1", "judge-2", "judge-9")}  # fmt: skip
        before, after = make_judge(prices=prices), make_judge(prices=prices, **change)
        assert before.spec.version != after.spec.version
        before.score([call()])
        asked = len(endpoint.questions)
        after.score([call()])
        assert len(endpoint.questions) > asked

    def test_prices_limits_and_addresses_are_no_new_version(self, make_judge: Make, store: Store) -> None:
        one_judge = make_judge()
        other = make_judge(daily_budget_usd=1, requests_per_minute=5, concurrency=9, timeout_s=3)
        assert one_judge.spec.version == other.spec.version
        [row] = store.query("SELECT definition FROM judge_versions FINAL")
        assert json.loads(row["definition"])["settings"]["models"] == ["judge-1"]

    def test_what_has_no_verdict_is_not_remembered(self, make_judge: Make, endpoint: Any) -> None:
        endpoint.behaviour = lambda q: q.verdict("helpful") if q.is_test else "?"
        assert one(make_judge()).value is None
        endpoint.behaviour = lambda q: q.verdict("helpful")
        assert one(make_judge()).value == 1.0


class TestBudget:
    def test_no_budget_sends_nothing(self, make_judge: Make, endpoint: Any, store: Store) -> None:
        with pytest.raises(EvaluatorUnavailable, match="daily_budget_usd = 0 has no room for another call today"):
            one(make_judge(daily_budget_usd=0))
        assert endpoint.questions == []
        assert committed(store) == 0

    def test_a_free_model_needs_no_budget(self, make_judge: Make) -> None:
        free = {"judge-1": {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0}}
        assert one(make_judge(daily_budget_usd=0, prices=free)).value == 1.0

    def spend(self, judge: Judge, calls: list[Call]) -> str:
        with pytest.raises(EvaluatorUnavailable) as caught:
            judge.score(calls)
        return str(caught.value)

    def test_the_budget_is_kept_with_concurrency_and_across_restarts(
        self, make_judge: Make, endpoint: Any, clock: Any, store: Store
    ) -> None:
        budget = 0.12
        calls = [call(i) for i in range(240)]
        for _ in range(3):  # each a new life
            assert "has no room" in self.spend(make_judge(daily_budget_usd=budget, concurrency=8), calls)
            assert endpoint.billed_usd <= budget
        assert endpoint.billed_usd > 0.7 * budget, "and it is used"
        assert committed(store) == pytest.approx(endpoint.billed_usd)
        judged = store.query("SELECT count() AS n FROM judge_verdicts FINAL")[0]["n"]
        assert judged == len(endpoint.questions), "all that was paid for is there"
        clock.advance(24 * 3600)
        self.spend(make_judge(daily_budget_usd=budget, concurrency=8), calls)
        assert budget < endpoint.billed_usd <= 2 * budget, "a new day, a new budget"
        assert len({q.data.split("\n")[1] for q in endpoint.questions}) == len(endpoint.questions), "nothing twice"

    @pytest.mark.parametrize("seed", range(5))
    def test_the_budget_is_kept_by_workers_at_once_at_an_endpoint_that_fails_at_random(
        self, seed: int, make_judge: Make, endpoint: Any, wire: Any, store: Store
    ) -> None:
        choice = random.Random(seed)
        kinds = [*WRONG, "good", "good", "good", "429"]

        def erratic(question: Any) -> Any:
            kind = choice.choice(kinds)
            if kind == "429":
                return wire.error(429, headers={"retry-after": "0"})
            return question.verdict("helpful") if kind == "good" or question.is_test else WRONG[kind](question, wire)

        endpoint.behaviour = erratic
        judges = [make_judge(daily_budget_usd=0.3, concurrency=4) for _ in range(3)]
        ends: list[str] = []

        def work(judge: Judge, offset: int) -> None:
            for start in range(0, 300, 50):
                try:
                    judge.score([call(offset + start + i) for i in range(50)])
                except EvaluatorUnavailable as unavailable:
                    ends.append(str(unavailable))

        threads = [threading.Thread(target=work, args=(judge, 1_000 * i)) for i, judge in enumerate(judges)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert any("has no room" in end for end in ends)
        assert endpoint.billed_usd <= 0.3
        assert committed(store) <= 0.3 * (1 + 1e-9)
        choices = store.query("SELECT DISTINCT value, choice FROM judge_verdicts")
        assert choices == [{"value": 1.0, "choice": "helpful"}], "nothing was invented"

    def test_what_a_dead_worker_reserved_counts(self, make_judge: Make, endpoint: Any) -> None:
        from watchglass_evaluators.judge.judge import Judge as Type

        judge = make_judge(daily_budget_usd=0.1)
        most = judge._asker.worst_cost_usd(judge._rubric, call())
        many = int(0.1 / most)
        reserved = judge._ledger.reserve([(call(i), most) for i in range(many + 5)])
        assert len(reserved) == many
        del judge
        again: Type = make_judge(daily_budget_usd=0.1)
        assert "has no room" in self.spend(again, [call(999)])
        assert endpoint.questions == []

    def test_usage_that_cannot_be_counts_in_full(
        self, make_judge: Make, endpoint: Any, wire: Any, store: Store
    ) -> None:
        judge = make_judge()
        for usage in (
            {},
            {"prompt_tokens": -5, "completion_tokens": 3},
            {"prompt_tokens": "many"},
            {"prompt_tokens": math.nan},
        ):
            endpoint.behaviour = lambda q, usage=usage: wire.completion(q.verdict("helpful"), usage=usage or {"x": 1})
            before = committed(store) if endpoint.questions else 0.0
            assert one(judge, call(len(endpoint.questions))).value == 1.0
            assert committed(store) - before > 0.008, "at least 800 tokens out at 10 dollars a million"


class TestCustom:
    def test_a_rubric_of_your_own(self, make_judge: Make, endpoint: Any) -> None:
        custom = {
            "politeness": {
                "prompt": "Is the answer polite?",
                "choices": {"rude": -1, "neutral": 0, "polite": 1},
                "direction": "higher_is_better",
                "columns": ["response_text"],
            }
        }
        endpoint.behaviour = lambda q: q.verdict("rude")
        judge = make_judge(rubrics=["politeness"], custom=custom)
        assert one(judge).value == -1
        assert (judge.spec.scores[0].lowest, judge.spec.scores[0].highest) == (-1, 1)
        assert "Is the answer polite?" in endpoint.questions[0].system
        assert "Question 1?" not in endpoint.questions[0].user
        custom["politeness"]["prompt"] = "Is the answer courteous?"
        assert make_judge(rubrics=["politeness"], custom=custom).spec.version != judge.spec.version


def test_the_store_being_away_is_no_error_of_a_call(make_judge: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from watchglass_store import StoreUnavailable

    judge = make_judge()

    class Away:
        def query(self, *args: Any, **kwargs: Any) -> Any:
            raise StoreUnavailable("nobody answers")

    monkeypatch.setattr(judge._ledger, "store", Away())
    with pytest.raises(EvaluatorUnavailable, match="the store: nobody answers"):
        one(judge)
