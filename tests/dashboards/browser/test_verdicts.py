"""What people say about answers: verdicts and labels given in a browser, with a real collector behind the page."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchglass_collector import Collector, CollectorConfig, install_views
from watchglass_store import connect

from .conftest import _free_port
from .test_alerts_page import pick

pytestmark = pytest.mark.browser


class Receiver:
    """The collector that verdicts are sent to; it begins as one that is away."""

    def __init__(self, owner, folder):
        self.store, self._folder, self._port = owner, folder, _free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._running = None

    def start(self):
        if self._running is None:
            install_views(self.store)
            config = CollectorConfig(grpc_port=0, http_port=self._port, segment_age_s=0.02)
            self._running = Collector(config, self.store, self._folder)
            self._running.start()

    def stop(self):
        if self._running is not None:
            self._running.stop()

    def human(self, name):
        return self.store.query(
            "SELECT trace_id, span_id, value, label, explanation, service_name FROM scores FINAL "
            "WHERE source = 'human' AND name = {name:String}",
            {"name": name},
        )

    def human_with(self, name, label):
        """The human scores of that name, once one has that label."""
        deadline = time.monotonic() + 30
        while label not in [row["label"] for row in self.human(name)] and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.human(name)


@pytest.fixture(scope="module")
def receiver(changeable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    owner = connect(changeable.owner, Path())
    found = Receiver(owner, tmp_path_factory.mktemp("collector"))
    yield found
    found.stop()
    owner.close()


@pytest.fixture
def tab(open_tab, changeable, receiver):
    return open_tab(source=changeable.reader, collector_url=receiver.url)


@pytest.fixture(scope="module")
def chat(changeable):
    return next(call for call in reversed(changeable.seed.chats) if call["span_id"] in changeable.scored)


def address(chat):
    return f"/trace?id={chat['trace_id']}&span={chat['span_id']}"


def test_a_verdict_that_does_not_arrive_is_said_and_sent_again(tab, receiver, chat):
    page = tab.go(address(chat))
    page.get_by_placeholder("Why? (optional)").fill("It invents a clause.")
    page.get_by_role("button", name="Bad").click()
    page.get_by_text("1 of your verdicts did not arrive. The collector does not answer").wait_for()
    assert receiver.human("thumbs") == []
    receiver.start()
    page.get_by_role("button", name="Send again").click()
    page.get_by_test_id("stText").get_by_text("It invents a clause.").wait_for()
    tab.idle()
    assert page.get_by_text("did not arrive").count() == 0
    (row,) = receiver.human("thumbs")
    assert (row["trace_id"], row["span_id"]) == (chat["trace_id"], chat["span_id"])
    assert (row["value"], row["label"], row["explanation"]) == (0.0, "down", "It invents a clause.")


def test_a_verdict_stands_among_the_scores_and_a_second_one_replaces_it(tab, receiver, chat):
    receiver.start()
    page = tab.go(address(chat))
    page.get_by_role("button", name="Good").click()
    up = page.get_by_text("up", exact=True)
    up.wait_for()
    tab.idle()
    assert [(row["value"], row["label"]) for row in receiver.human("thumbs")] == [(1.0, "up")]
    page.reload()
    tab.idle()
    assert up.count() == 1
    assert page.get_by_text("It invents a clause.").count() == 0


@pytest.mark.slow
def test_a_verdict_in_the_drawer_stays_with_the_call_that_was_stepped_to(tab, receiver):
    receiver.start()
    page = tab.go("/traces?range=24h")
    drawer = tab.peek()
    drawer.get_by_text("1 of 50 listed").wait_for()
    tab.idle()
    page.keyboard.press("j")
    drawer.get_by_text("2 of 50 listed").wait_for()
    tab.idle()
    drawer.get_by_placeholder("Why? (optional)").fill("From the drawer.")
    drawer.get_by_role("button", name="Good").click()
    drawer.get_by_test_id("stText").get_by_text("From the drawer.").wait_for()
    drawer.get_by_text("2 of 50 listed").wait_for()
    assert "From the drawer." in [row["explanation"] for row in receiver.human_with("thumbs", "up")]


def test_a_judges_score_comes_with_its_votes_and_its_rubric(tab, receiver, changeable):
    chat = next(call for call in changeable.seed.chats if call["span_id"] in changeable.scored)  # nobody saw it yet
    of = {name: chat[name] for name in ("trace_id", "span_id")}
    given = next(score for score in changeable.seed.scores if score["span_id"] == chat["span_id"])
    score = {**given, "name": "helpful", "evaluator": "judge_helpful", "evaluator_version": "3", "value": 0.5,
             "label": "partly", "source": "judge", "error": ""}  # fmt: skip
    verdict = {
        "evaluator_version": "3", "input_hash": "x", "time": changeable.seed.now, "evaluator": "judge_helpful", **of,
        "value": 0.5, "choice": "partly", "method": "choice", "agreement": 0.5,
        "votes": [("judge-a", "partly", 0.5), ("judge-b", "no", None)], "explanation": "", "cost_usd": 0.001,
    }  # fmt: skip
    definition = '{"prompt": "Does it help?", "choices": {"yes": 1, "partly": 0.5, "no": 0}}'
    version = {"evaluator": "judge_helpful", "evaluator_version": "3", "time": changeable.seed.now}
    receiver.store.insert("scores", [score])
    receiver.store.insert("judge_verdicts", [verdict])
    receiver.store.insert("judge_versions", [{**version, "definition": definition}])
    page = tab.go(address(chat))
    page.get_by_text("How it was judged").click()
    page.get_by_text("2 votes, 50% for the choice partly").wait_for()
    page.get_by_text("judge-b: no").wait_for()
    page.get_by_test_id("stJson").get_by_text("Does it help?").wait_for()


@pytest.mark.slow
def test_another_version_of_a_score_is_chosen_and_the_address_names_it(tab, receiver, changeable):
    given = [score for score in changeable.seed.scores if score["name"] == "response_length"]
    given = [score for score in given if (changeable.seed.now - score["call_time"]).total_seconds() < 80_000]
    receiver.store.insert("scores", [{**score, "evaluator_version": "2", "value": 7.0} for score in given[:5]])
    page = tab.go("/quality?range=24h&score=response_length")
    median = page.get_by_test_id("stMetric").filter(has_text="Median")
    rests_on = page.get_by_test_id("stCaptionContainer").get_by_text(re.compile(r"^n [\d,]+$"))
    assert (median.inner_text().split()[-1], rests_on.inner_text()) == ("7", "n 5")
    pick(page, "version", "1")
    page.wait_for_url("**version=1**")
    tab.idle()
    assert median.inner_text().split()[-1] != "7"
    assert int(rests_on.inner_text()[2:]) > 5
    page.reload()
    tab.idle()
    assert int(rests_on.inner_text()[2:]) > 5


def test_one_key_gives_a_label_another_skips_and_a_third_goes_back(tab, receiver):
    receiver.start()
    page = tab.go("/review?range=24h&order=Random+sample&labels=Issue")

    def looked_at(number, given):
        page.get_by_text(re.compile(rf"^{number} of [\d,]+ looked at · {given} labels given$")).wait_for()
        tab.idle()

    looked_at(0, 0)
    page.get_by_placeholder("Optional: why?").fill("made this up")
    page.keyboard.press("Tab")
    tab.idle()
    page.keyboard.press("3")
    looked_at(1, 1)
    (row,) = receiver.human_with("human_issue", "Made up")
    assert (row["value"], row["explanation"]) == (0.0, "made this up")
    page.keyboard.press("s")
    looked_at(2, 1)
    page.keyboard.press("u")
    looked_at(1, 1)
    page.keyboard.press("u")
    looked_at(0, 1)
    page.keyboard.press("1")
    looked_at(1, 2)
    (row,) = receiver.human_with("human_issue", "No issue")
    assert row["value"] == 1.0
    tab.go(f"/review?range=24h&order=Random+sample&labels=Issue&service={row['service_name']}")
    page.get_by_text(re.compile(r"^No issue: 1 of 1, 100%")).wait_for()


@pytest.mark.slow
def test_a_queue_by_a_score_begins_with_its_lowest(tab, changeable):
    page = tab.go("/review?range=24h&order=Lowest+of+a+score&score=rouge_l")
    lowest = min(
        score["value"]
        for score in changeable.seed.scores
        if score["name"] == "rouge_l"
        and score["value"] is not None
        and (changeable.seed.now - score["call_time"]).total_seconds() < 86_400 - 60
    )
    page.get_by_text(re.compile(rf"· score {re.escape(f'{lowest:.3g}')}$")).wait_for()
    page.get_by_role("link", name="The whole trace").click()
    page.wait_for_url("**/trace?id=**")
    tab.idle()
    assert page.get_by_role("treeitem").count() == 4
