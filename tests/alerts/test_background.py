"""What a message holds besides its number: the chart's values and the worst calls, on a real store."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from watchglass_alerts import AlertsConfig, Engine, Rule, save_rule
from watchglass_alerts.chart import Chart
from watchglass_alerts.examples import Examples, find_examples
from watchglass_alerts.message import Message
from watchglass_alerts.rules_file import parse_rule
from watchglass_store import Store, StoreError

from .conftest import T0, Clock

MINUTE = timedelta(minutes=1)
MakeRule = Callable[..., Rule]
AddCalls = Callable[..., None]


def messages(store: Store) -> list[Message]:
    rows = store.query("SELECT arrayJoin(notifications).3 AS message FROM alert_events ORDER BY slot")
    return [Message.from_json(row["message"]) for row in rows]


def test_the_chart_goes_on_after_a_restart(
    store: Store, clock: Clock, make_rule: MakeRule, add_calls: AddCalls
) -> None:
    for minute, errors in enumerate((0, 1, 2, 12)):
        add_calls(T0 + minute * MINUTE, 20, errors=errors)
    save_rule(store, make_rule(channels=["nobody"]), "me", now=T0)
    config = AlertsConfig.model_validate({"settle_s": 0})
    for minute in range(1, 5):
        clock.now = T0 + minute * MINUTE
        Engine(store, config, clock).evaluate(clock.now)
    (message,) = messages(store)
    assert message.chart is not None
    assert message.chart.values == (0.0, 0.05, 0.1, 0.6)
    assert message.chart.caption == "last 4 values, every 1m: 0 % to 60 %, line at 20 %"
    assert message.chart.sparkline == "▁▂▂█"


def test_each_group_has_a_chart_and_examples_of_its_own(
    store: Store, clock: Clock, make_rule: MakeRule, add_calls: AddCalls
) -> None:
    for model, errors in (("m1", (0, 15)), ("m2", (1, 10))):
        for minute, count in enumerate(errors):
            add_calls(T0 + minute * MINUTE, 20, errors=count, response_model=model)
    save_rule(store, make_rule(channels=["nobody"], group_by=["model"]), "me", now=T0)
    engine = Engine(store, AlertsConfig.model_validate({"settle_s": 0}), clock)
    for minute in (1, 2):
        engine.evaluate(clock.forward(60) if minute > 1 else T0 + MINUTE)
        clock.now = T0 + MINUTE
    charts = {dict(each.where)["model"]: each.chart.values for each in messages(store) if each.chart}
    assert charts == {"m1": (0.0, 0.75), "m2": (0.05, 0.5)}
    for message in messages(store):
        assert len(message.examples) == 3
        title, url, text = message.examples[0]
        assert title.endswith(f" {dict(message.where)['model']}, timeout")
        assert url.startswith("http://127.0.0.1:8501/trace?id=0000")
        assert text == ""


@pytest.mark.parametrize(
    ("metric", "op", "expected"),
    [
        ({"metric": "duration_s", "statistic": "p95"}, ">", ["9 s", "8 s", "7 s"]),
        ({"metric": "duration_s", "statistic": "p95"}, "<", ["1 s", "2 s", "3 s"]),
        ({"metric": "cost_usd"}, ">", ["0.9 USD", "0.8 USD", "0.7 USD"]),
        ({"metric": "calls"}, ">", ["no error", "no error", "no error"]),
        ({"metric": "error_rate"}, ">", []),
        ({"metric": "delivery_lag_s"}, ">", []),
    ],
)
def test_which_calls_are_worst(
    store: Store, make_rule: MakeRule, add_calls: AddCalls, metric: dict[str, str], op: str, expected: list[str]
) -> None:
    for number in range(1, 10):
        add_calls(T0 + number * timedelta(seconds=1), 1, duration_s=float(number), cost_usd=number / 10)
    add_calls(T0 - 5 * MINUTE, 1, duration_s=99.0, cost_usd=99.0)
    add_calls(T0 + timedelta(seconds=20), 1, duration_s=99.0, cost_usd=99.0, service_name="other")
    fields: dict[str, Any] = {"condition": {"op": op, "threshold": 1}, **metric}
    if metric["metric"] != "delivery_lag_s":
        fields["filters"] = {"service_name": "shop"}
    found = find_examples(store, make_rule(**fields, min_sample_size=None), {}, T0 + MINUTE)
    assert [each.title.rpartition(", ")[2] for each in found] == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"statistic": "mean", "condition": {"op": "<", "threshold": 0.5}}, ["toxicity 0.1", "toxicity 0.2"]),
        ({"statistic": "mean", "condition": {"op": ">", "threshold": 0.5}}, ["toxicity 0.9 bad", "toxicity 0.2"]),
        (
            {"statistic": "share", "share_of": {"label": "bad"}, "condition": {"op": ">", "threshold": 0.5}},
            ["toxicity 0.9 bad"],
        ),
    ],
)
def test_the_worst_scores_and_text_only_where_the_rule_says_so(
    store: Store, add_calls: AddCalls, fields: dict[str, Any], expected: list[str]
) -> None:
    for number, (value, label) in enumerate([(0.1, ""), (0.2, ""), (0.9, "bad"), (None, "")]):
        time = T0 + number * timedelta(seconds=1)
        identity = {"trace_id": f"{number:032x}", "span_id": f"{number:016x}"}
        add_calls(time, 1, prompt_text="SECRET question", response_text="SECRET answer", **identity)
        score = {"name": "toxicity", "evaluator": "t", "value": value, "label": label, "call_time": time}
        store.insert("scores", [{**identity, **score, "service_name": "shop"}])
    base = {"name": "toxic", "metric": "score:toxicity", "window": "1m", "interval": "1m", "channels": ["x"], **fields}
    found = find_examples(store, parse_rule(base), {"service_name": "shop"}, T0 + MINUTE)
    assert [each.title.rpartition(", ")[2] for each in found][: len(expected)] == expected
    assert not any("SECRET" in each.text + each.title for each in found)
    told = find_examples(store, parse_rule(base | {"examples": "text"}), {}, T0 + MINUTE)
    assert told[0].text == "SECRET question → SECRET answer"
    assert find_examples(store, parse_rule(base | {"examples": "none"}), {}, T0 + MINUTE) == ()


def test_a_store_without_an_answer_costs_the_examples_only(
    store: Store,
    clock: Clock,
    make_rule: MakeRule,
    add_calls: AddCalls,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise StoreError("too slow")

    monkeypatch.setattr("watchglass_alerts.examples.find_examples", fails)
    add_calls(T0, 20, errors=20)
    save_rule(store, make_rule(channels=["nobody"]), "me", now=T0)
    Engine(store, AlertsConfig.model_validate({"settle_s": 0}), clock).evaluate(T0 + MINUTE)
    (message,) = messages(store)
    assert message.examples == ()
    assert "no examples for a message about rule 'errors': StoreError" in caplog.text
    assert Examples(store)._left > 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.0, 0.0), "▁▁"),
        ((0.0, None, 1.0), "▁·█"),
        ((-1.0, 0.0, 1.0), "▁▅█"),
        ((-1.7e308, 1.7e308), "▁█"),
    ],
)
def test_sparkline_and_picture(values: tuple[float | None, ...], expected: str) -> None:
    chart = Chart(values, 0.0, is_bad_above=True, caption="")
    assert chart.sparkline == expected
    assert chart.png().startswith(b"\x89PNG\r\n\x1a\n")
    assert len(chart.png()) < 5_000
