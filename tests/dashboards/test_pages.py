"""Each page on the seeded store, run in this process; its numbers against numbers computed from the seed."""

import math
import re
from datetime import timedelta
from pathlib import Path

import pytest

from watchglass_dashboards.ui.stats import wilson
from watchglass_store import StoreConfig


def metrics(page):
    return {metric.label: metric.value for metric in page.metric}


def captions(page):
    return "\n".join(caption.value for caption in page.caption)


def of_last_day(seed, rows, time="start_time"):
    return [row for row in rows if row[time] >= seed.now - timedelta(hours=24)]


def healthy(page):
    assert not page.exception, page.exception[0].message
    assert not page.error, page.error[0].value


def test_overview_shows_what_was_sent(view, seeded):
    page = view("overview", range="24h")
    healthy(page)
    chats = of_last_day(seeded.seed, seeded.seed.chats)
    failed = [chat for chat in chats if chat["error_type"]]
    tokens = sum(chat["usage_input_tokens"] + chat["usage_output_tokens"] for chat in chats)
    cost = sum(chat["cost_usd"] or 0 for chat in chats)
    shown = metrics(page)
    assert shown["Calls"] == f"{len(chats):,}"
    assert shown["Error rate"] == f"{100 * len(failed) / len(chats):.2f}%"
    assert shown["Tokens"] == f"{tokens / 1e6:.3g} M"
    assert shown["Cost"] == f"\\${cost:.2f}"
    low, high = wilson(len(failed), len(chats))
    assert f"{100 * low:.1f}–{100 * high:.1f}% · {len(failed)} of {len(chats):,}" in captions(page)
    slow_s = sorted(chat["duration_s"] for chat in chats)[math.ceil(0.95 * len(chats)) - 1]
    assert float(shown["Latency p95"].removesuffix(" s")) == pytest.approx(slow_s, rel=0.03)


def test_overview_shows_every_score_with_its_sample(view, seeded):
    page = view("overview", range="24h")
    scores = [row for row in of_last_day(seeded.seed, seeded.seed.scores, "call_time") if row["name"] == "rouge_l"]
    values = [row["value"] for row in scores if row["value"] is not None]
    assert metrics(page)["rouge l"] == f"{sum(values) / len(values):.3g}"
    assert f"n {len(values)} · {len(scores) - len(values)} unscored" in captions(page)


def test_overview_obeys_its_filters(view, seeded):
    chats = of_last_day(seeded.seed, seeded.seed.chats)
    calls = of_last_day(seeded.seed, seeded.seed.calls)
    for query, expected in (
        ({"service": "contract-review"}, [c for c in chats if c["service_name"] == "contract-review"]),
        ({"env": "staging", "model": "gpt-4.1-mini"}, [
            c for c in chats if c["environment"] == "staging" and c["response_model"] == "gpt-4.1-mini"
        ]),
        ({"kind": "Tools"}, [c for c in calls if c["operation_name"] == "execute_tool"]),
    ):  # fmt: skip
        page = view("overview", range="24h", **query)
        healthy(page)
        assert metrics(page)["Calls"] == f"{len(expected):,}"


def test_overview_leaves_a_gap_where_nothing_is_known(view):
    page = view("overview", range="24h", model="qwen/qwen3-32b")
    assert metrics(page)["Cost"] == "—"
    assert "no price known for these calls" in captions(page)


def test_overview_shows_what_fires_and_what_was_delivered(view):
    page = view("overview", range="24h")
    shown = "\n".join(element.value for element in page.markdown)
    assert "**Slow answers**" in shown
    assert "Error rate**" not in shown
    assert "1 delivered" in shown
    assert "1 retrying" in shown
    assert "connection refused by the mail server" in [text.value for text in page.text]


def test_overview_says_how_far_the_data_goes(view, seeded):
    newest = max(call["received_at"] for call in seeded.seed.calls)
    assert f"Data through **{newest:%H:%M:%S}**" in captions(view("overview"))


@pytest.mark.parametrize("address", ["overview", "traces"])
def test_an_empty_store_says_how_to_send_the_first_span(view, empty_reader, address):
    page = view(address, source=empty_reader)
    healthy(page)
    assert "watchglass.init(" in page.code[0].value
    assert not page.metric


@pytest.mark.parametrize("address", ["overview", "traces"])
def test_a_range_without_calls_is_no_error(view, address):
    page = view(address, range="24h", service="quiet-service")
    healthy(page)
    assert page.info


@pytest.mark.parametrize(
    "query", [{"range": "9y"}, {"service": "<script>"}, {"from": "x", "to": "y"}, {"page": "-3"}, {"kind": "?"}]
)
def test_a_nonsense_address_shows_the_page(view, query):
    healthy(view("traces", **query))


@pytest.mark.parametrize("address", ["overview", "traces"])
def test_a_store_that_is_away_is_said(view, free_ports, address):
    gone = StoreConfig(url=f"clickhouse://reader:secret@127.0.0.1:{free_ports()}/watchglass")
    page = view(address, source=gone)
    assert not page.exception
    assert "does not answer" in page.error[0].value
    assert "secret" not in page.error[0].value


def test_traces_are_paged_by_the_store(view, seeded):
    chats = of_last_day(seeded.seed, seeded.seed.chats)
    page = view("traces", range="24h")
    healthy(page)
    assert f"{len(chats):,} model calls" in captions(page)
    table = page.dataframe[0].value
    assert len(table) == 50
    newest = sorted(chats, key=lambda chat: chat["received_at"], reverse=True)
    assert list(table["prompt"].head(5)) == [chat["prompt_text"] for chat in newest[:5]]
    assert newest[0]["trace_id"] in table["open"][0]
    last = view("traces", range="24h", page=str(math.ceil(len(chats) / 50))).dataframe[0].value
    assert len(last) == len(chats) % 50 or 50


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ({"q": "CONTRACT"}, lambda c: "contract" in (c["prompt_text"] + (c["response_text"] or "")).lower()),
        ({"status": "error"}, lambda c: c["error_type"]),
        ({"slow": "2.5"}, lambda c: c["duration_s"] >= 2.5),
        ({"who": "user-12"}, lambda c: c["user_id"] == "user-12"),
        ({"q": "' OR 1=1 --"}, lambda c: False),
        ({"q": "100%_"}, lambda c: False),
    ],
)
def test_traces_are_filtered_by_the_store(view, seeded, query, matches):
    expected = [chat for chat in of_last_day(seeded.seed, seeded.seed.chats) if matches(chat)]
    page = view("traces", range="24h", **query)
    healthy(page)
    assert f"{len(expected):,} model calls" in captions(page)
    assert len(page.dataframe[0].value if expected else []) == min(50, len(expected))


def test_a_trace_is_found_by_its_id(view, seeded):
    trace_id = of_last_day(seeded.seed, seeded.seed.chats)[0]["trace_id"]
    assert "1 model calls" in captions(view("traces", range="24h", q=trace_id.upper()))


def test_the_slowest_come_first_when_asked(view, seeded):
    slowest = sorted((c["duration_s"] for c in of_last_day(seeded.seed, seeded.seed.chats)), reverse=True)
    shown = view("traces", range="24h", sort="Slowest").dataframe[0].value["latency"]
    assert list(shown) == pytest.approx(slowest[:50])


def test_a_trace_shows_its_conversation_and_scores(view, seeded):
    chat = next(chat for chat in seeded.seed.chats if chat["span_id"] in seeded.scored)
    page = view("trace", id=chat["trace_id"], span=chat["span_id"])
    healthy(page)
    texts = [text.value for text in page.text]
    assert [chat["prompt_text"], chat["response_text"]] == texts[1:3]
    assert texts[0] == "You are a support agent. Use the context."
    shown = "\n".join(element.value for element in page.markdown)
    assert "4 spans" in shown
    for score in (row for row in seeded.seed.scores if row["span_id"] == chat["span_id"] and row["value"] is not None):
        assert score["name"].replace("_", " ") in shown


def test_a_failed_span_says_why(view, seeded):
    failed = next(chat for chat in seeded.seed.chats if chat["error_type"])
    page = view("trace", id=failed["trace_id"], span=failed["span_id"])
    assert failed["error_message"] in [code.value for code in page.code]


def test_a_retrieval_shows_its_documents(view, seeded):
    call = next(call for call in seeded.seed.calls if call["operation_name"] == "retrieval")
    page = view("trace", id=call["trace_id"], span=call["span_id"])
    assert [tab.label for tab in page.tabs] == ["Input and output", "Documents (2)", "Attributes"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({}, "Which trace?"),
        ({"id": "../../etc/passwd"}, "This is no trace id"),
        ({"id": "<script>"}, "This is no trace id"),
        ({"id": "f" * 32}, "No such trace"),
    ],
)
def test_a_trace_that_cannot_be_shown_says_so(view, query, said):
    page = view("trace", **query)
    healthy(page)
    assert said in [*page.info, *page.warning][0].value


def test_a_deep_trace_is_paged(view, deep):
    page = view("trace", source=deep.reader, id=deep.seed.spans[0]["TraceId"])
    healthy(page)
    assert "Spans 1 to 150 of 2,000" in captions(page)


def test_hostile_text_is_never_markdown(view, hostile, hostile_text, tmp_path: Path):
    trace = hostile.seed.calls[0]
    for address, query in (
        ("overview", {}),
        ("traces", {}),
        ("trace", {"id": trace["trace_id"], "span": trace["span_id"]}),
    ):
        page = view(address, source=hostile.reader, **query)
        healthy(page)
        labels = [element.value for element in (*page.markdown, *page.caption)]
        labels += [part for metric in page.metric for part in (metric.label, metric.value)]
        assert not [text for text in labels if re.search(r"(?<!\\)(<|!\[|\]\()|https://", text)]
    assert any(hostile_text[:40] in text.value for text in page.text)


def test_quality_shows_the_chosen_score(view, seeded):
    page = view("quality", range="24h", score="rouge_l")
    healthy(page)
    scores = [row for row in of_last_day(seeded.seed, seeded.seed.scores, "call_time") if row["name"] == "rouge_l"]
    values = [row["value"] for row in scores if row["value"] is not None]
    assert metrics(page)["Mean"] == f"{sum(values) / len(values):.3g}"
    assert metrics(page)["Scored"] == f"{100 * len(values) / len(scores):.1f}%"
    worst = page.dataframe[-1].value
    assert list(worst["value"])[:3] == pytest.approx(sorted(values)[:3])
    assert "no reference answer" in str([frame.value for frame in page.dataframe])


def test_compare_shows_both_sides(view, seeded):
    page = view("compare", range="24h", a="gpt-4.1-mini", b="claude-sonnet-4.5")
    healthy(page)
    chats = of_last_day(seeded.seed, seeded.seed.chats)
    numbers = page.dataframe[0].value.set_index("measure")
    for side, model in (("a", "gpt-4.1-mini"), ("b", "claude-sonnet-4.5")):
        own = [chat for chat in chats if chat["response_model"] == model]
        slow = [chat["duration_s"] for chat in own if not chat["error_type"]]
        assert numbers.loc["error rate", f"n_{side}"] == len(own)
        assert numbers.loc["latency (mean)", side] == pytest.approx(sum(slow) / len(slow))
    assert numbers.loc["latency (mean)", "verdict"] == "worse"
    assert "B is **better on" in page.markdown[-1].value or any("B is **better on" in m.value for m in page.markdown)


def test_compare_takes_the_last_two_releases_of_a_service(view, seeded):
    page = view("compare", range="24h", by="Service versions", service="support-bot")
    assert not page.exception
    assert [box.proto.placeholder for box in page.selectbox[-2:]] == ["support-bot 1.4.1", "support-bot 1.4.2"]
    numbers = page.dataframe[0].value.set_index("measure")
    since = seeded.seed.now - timedelta(hours=24)
    mine = [c for c in seeded.seed.chats if c["service_name"] == "support-bot" and c["start_time"] >= since]
    by_release = [sum(call["service_version"] == version for call in mine) for version in ("1.4.1", "1.4.2")]
    assert [numbers.loc["error rate", "n_a"], numbers.loc["error rate", "n_b"]] == by_release
    scored = {score["span_id"] for score in seeded.seed.scores if score["name"] == "profanity"}
    with_score = [sum(c["service_version"] == v and c["span_id"] in scored for c in mine) for v in ("1.4.1", "1.4.2")]
    assert [numbers.loc["profanity", "n_a"], numbers.loc["profanity", "n_b"]] == with_score


def test_compare_takes_now_and_before(view):
    page = view("compare", range="24h", by="Now and before")
    healthy(page)
    assert len(page.dataframe) == 1


def test_compare_says_when_there_are_not_two(view):
    page = view("compare", range="24h", by="Prompt versions")
    healthy(page)
    assert "no two different ones" in page.info[0].value
