"""F3 and F23 to F26, by seeds: workers killed at any write or moment, an endpoint that lies, poison, no memory.

After each seed: no score lost, none shown twice, none made up, and the budget kept. `make faults-evaluators` runs 200.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from watchglass_store import Store, StoreConfig

FIRST_SEED = int(os.environ.get("WATCHGLASS_EVALUATOR_SEED", "1"))
SEEDS = int(os.environ.get("WATCHGLASS_EVALUATOR_SEEDS", "1"))
BUDGET_S = float(os.environ.get("WATCHGLASS_EVALUATOR_SECONDS", "36000"))
REPORT = os.environ.get("WATCHGLASS_EVALUATOR_REPORT", "")

CALLS = 24
WORKER = Path(__file__).with_name("fault_worker.py")
TABLES = (
    "llm_call_parts", "llm_calls_by_time", "scores", "evaluation_log", "judge_ledger", "judge_verdicts",
)  # fmt: skip
STEPS = [
    (table, event, when)
    for table, event in (
        ("evaluation_log", "start"), ("scores", ""), ("evaluation_log", "batch"),
        ("judge_ledger", "reserve"), ("judge_ledger", "settle"), ("judge_verdicts", ""),
    )
    for when in ("before", "after")
]  # fmt: skip
VERDICTS = {"not_helpful": 0.0, "partly_helpful": 0.5, "helpful": 1.0}
LIE = "helpful"
COST_USD = (700 * 1.0 + 60 * 10.0) / 1e6
SMALL_BUDGET_USD = 0.15


def number(*parts: Any) -> int:
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=6).digest())


def truth(text: str) -> str:
    return list(VERDICTS)[number("truth", text) % 3]


class Endpoint:
    """An OpenAI-shaped endpoint that misbehaves as the seed says. A true verdict only comes in a faultless reply."""

    FAULTS = (
        "429", "500", "hang", "empty", "HTML", "invalid JSON", "out of range", "NaN", "two verdicts", "wrong token",
        "10 MB", "half stream", "other schema", "cut",
    )  # fmt: skip

    def __init__(self) -> None:
        self.seed, self.share = 0, 0.0
        self.upgrade = range(0)
        self.billed, self.requests = 0, 0
        self.counts: Counter[str] = Counter()
        self._attempts: Counter[str] = Counter()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.answer(self, body["messages"][1]["content"])

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that gave up, or died

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def begin(self, seed: int, share: float, upgrade: range) -> None:
        self.seed, self.share, self.upgrade = seed, share, upgrade
        self.billed = self.requests = 0
        self._attempts.clear()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _fault(self, text: str) -> str:
        with self._lock:
            self.requests += 1
            self._attempts[text] += 1
            draw = number(self.seed, text, self._attempts[text])
            fault = ""
            if self.requests in self.upgrade:
                fault = "other schema"
            elif draw % 1000 < self.share * 1000:
                fault = self.FAULTS[draw // 1000 % len(self.FAULTS)]
            self.counts[fault] += 1
            self.billed += fault not in ("429", "500")
            return fault

    def answer(self, handler: BaseHTTPRequestHandler, prompt: str) -> None:
        token = prompt.rsplit("Reply token: ", 1)[1]
        text = next((word for word in prompt.split() if word.startswith("answer-")), "test")
        verdict = truth(text) if text != "test" else "helpful"
        fault = self._fault(text)
        lie = {"reasoning": "x", "token": token, "verdict": LIE}
        content = {
            "": json.dumps({"reasoning": "x", "token": token, "verdict": verdict}),
            "empty": "",
            "invalid JSON": json.dumps(lie)[:-9],
            "out of range": json.dumps(lie | {"verdict": "11/10"}),
            "NaN": json.dumps(lie | {"verdict": float("nan")}),
            "two verdicts": json.dumps(lie) + json.dumps(lie),
            "wrong token": json.dumps(lie | {"token": "0" * 16}),
            "other schema": json.dumps({"score": 1, "rating": LIE}),
        }.get(fault, json.dumps(lie))
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": content},
            "finish_reason": "length" if fault == "cut" else "stop",
        }
        body = json.dumps({"choices": [choice], "usage": {"prompt_tokens": 700, "completion_tokens": 60}}).encode()
        if fault == "HTML":
            body = b"<html><body>helpful</body></html>"
        elif fault == "10 MB":
            body = b" " * 10_000_000
        elif fault == "hang":
            time.sleep(2.5)
        handler.send_response(int(fault) if fault in ("429", "500") else 200)
        if fault == "429":
            handler.send_header("retry-after", "2")
        handler.send_header("content-length", str(len(body) + (100 if fault == "half stream" else 0)))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = fault == "half stream"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    fake = Endpoint()
    yield fake
    fake.close()


class Worker:
    """The process that forks lives; it is started once, since importing everything takes longer than a life."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, plan: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(plan) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())  # type: ignore[no-any-return]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def worker() -> Iterator[Worker]:
    process = Worker()
    yield process
    process.close()


def make_calls(store: Store, numbers: random.Random, seed: int) -> dict[tuple[str, str], str]:
    """Store calls, some of them in one trace; returns their answers by id."""
    received = datetime.now(UTC) - timedelta(seconds=60)
    special = dict(zip(numbers.sample(range(CALLS), 4), ("raise", "nan", "range", "poison"), strict=True))
    if numbers.random() < 0.5:
        special = {place: word for place, word in special.items() if word != "poison"}
    rows = []
    for i in range(CALLS):
        received += timedelta(milliseconds=numbers.choice((0, 0, 1, 40)))
        rows.append(
            {
                "trace_id": f"{number(seed, 'trace', i // numbers.choice((1, 1, 2, 3))):032x}",
                "span_id": f"{i + 1:016x}",
                "received_at": received,
                "start_time": received,
                "operation_name": "chat",
                "prompt_text": f"Question {i}?",
                "response_text": f"answer-{seed}-{i} {special.get(i, 'fine')}",
            }
        )
    store.insert("llm_call_parts", rows)
    return {(row["trace_id"], row["span_id"]): row["response_text"] for row in rows}


def visible(store: Store, name: str) -> dict[tuple[str, str], dict[str, Any]]:
    rows = store.query(
        "SELECT trace_id, span_id, value, label, error FROM scores FINAL WHERE name = {n:String}", {"n": name}
    )
    found = {(row["trace_id"], row["span_id"]): row for row in rows}
    assert len(found) == len(rows), f"{name}: a score shows twice"
    return found


GIVEN_UP = "quarantined: 3 workers died while they scored this call"


def check(store: Store, answers: dict[tuple[str, str], str], kills: int) -> Counter[str]:
    """Hold every score against what it must be.

    A call that was in a batch and in a group with poison, and is tried alone while a kill comes from outside, has seen
    three workers die as poison has, and is given up: at most one for each such kill.
    """
    counts: Counter[str] = Counter()
    for name in ("touchy", "fragile", "hungry"):
        found = visible(store, name)
        assert found.keys() == answers.keys(), f"{name}: lost {len(answers.keys() - found.keys())}"
        for call, text in answers.items():
            row, word = found[call], text.split()[1]
            reason = {
                ("touchy", "poison"): GIVEN_UP,
                ("fragile", "raise"): "ValueError: cannot read this",
                ("fragile", "nan"): "fragile: nan is not a number",
                ("fragile", "range"): "fragile: 2000.0 is outside its range 0.0 to 1000.0",
            }.get((name, word), "")
            if name == "touchy" and word != "poison" and row["error"] == GIVEN_UP:
                counts["given up for a kill from outside"] += 1
                reason = GIVEN_UP
            counts["terminal errors"] += bool(reason)
            assert (row["value"], row["error"]) == (None if reason else float(len(text)), reason), (name, text, row)
    assert counts["given up for a kill from outside"] <= (
        kills if any("poison" in text for text in answers.values()) else 0
    )
    traces = Counter(trace for trace, _ in answers)
    steps = visible(store, "steps")
    assert {trace: row["value"] for (trace, _), row in steps.items()} == {t: float(n) for t, n in traces.items()}
    for call, row in visible(store, "judge_helpfulness").items():
        counts["judged"] += row["value"] is not None
        counts["unscored by the judge"] += row["value"] is None
        expected = truth(answers[call].split()[0])
        assert row["error"] if row["value"] is None else row["value"] == VERDICTS[expected], (answers[call], row)
    counts["scores"] = 3 * len(answers) + len(traces) + counts["judged"] + counts["unscored by the judge"]
    return counts


def run_seed(store: Store, url: str, endpoint: Endpoint, worker: Worker, seed: int) -> Counter[str]:
    numbers = random.Random(seed)
    for table in TABLES:
        store.command(f"TRUNCATE TABLE {table}")
    answers = make_calls(store, numbers, seed)
    is_small = numbers.random() < 0.25
    budget = SMALL_BUDGET_USD if is_small else 100.0
    upgrade_at = numbers.randrange(1, 40)
    endpoint.begin(seed, numbers.uniform(0, 0.5), range(upgrade_at, upgrade_at + numbers.choice((0, 0, 12))))
    deaths: list[Any] = []
    for _ in range(numbers.randint(1, 4)):
        at_random = ["", "", "", numbers.uniform(0.02, 1.5)]
        deaths.append(numbers.choice(([*numbers.choice(STEPS), numbers.randint(1, 4)], at_random)))
    judge = {
        "rubrics": ["helpfulness"],
        "base_url": endpoint.url,
        "model": "m",
        "prices": {"m": {"input_usd_per_million_tokens": 1.0, "output_usd_per_million_tokens": 10.0}},
        "daily_budget_usd": budget,
        "requests_per_minute": 1_000_000,
        "tokens_per_minute": 1_000_000_000,
        "timeout_s": 2.0,
        "batch_calls": 12,
        "traces_url": "",
    }
    done = worker.run({"url": url, "judge": judge, "deaths": deaths})
    assert "problem" not in done, f"seed {seed}: {done}"
    assert endpoint.billed * COST_USD <= budget * done["days"], f"seed {seed}: the budget is exceeded"
    counts = check(store, answers, len(deaths))
    if is_small:  # What waits for money is scored when there is some.
        counts["waited for money"] = CALLS - len(visible(store, "judge_helpfulness"))
        endpoint.begin(seed + 1_000_000, 0.0, range(0))
        done = worker.run({"url": url, "judge": judge | {"daily_budget_usd": 100.0}, "deaths": []})
        counts = check(store, answers, len(deaths)) + Counter({"waited for money": counts["waited for money"]})
    assert visible(store, "judge_helpfulness").keys() == answers.keys(), f"seed {seed}: the judge lost some"
    counts["lives that died"] = done["died"]
    counts["kills planned"] = len(deaths)
    return counts


@pytest.mark.timeout(36000)
def test_no_score_is_lost_doubled_or_made_up(
    store: Store, store_config: StoreConfig, endpoint: Endpoint, worker: Worker
) -> None:
    started_s = time.monotonic()
    total: Counter[str] = Counter()
    done = 0
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        if time.monotonic() - started_s > BUDGET_S:
            break
        try:
            total += run_seed(store, store_config.url, endpoint, worker, seed)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from None
        done += 1
        if REPORT:
            Path(REPORT).write_text(report(done, total, endpoint.counts, time.monotonic() - started_s), "utf-8")
    assert total["scores"] >= done * CALLS * 4


def report(seeds: int, total: Counter[str], faults: Counter[str], took_s: float) -> str:
    outside = total["given up for a kill from outside"]
    lines = [
        "# Crash tests of the evaluators",
        "",
        "Written by `tests/evaluators/test_faults.py` (F3, F23 to F26): worker processes killed with SIGKILL before or",
        "after a random write or at a random moment, an endpoint on a real socket that answers the judge with",
        "nonsense, calls that kill the worker (in half of the seeds), an evaluator without memory for its batch, a",
        "budget that is too small (a quarter). After each seed every score is held against what it must be. A seed",
        "chooses everything; to run one again:",
        "`WATCHGLASS_EVALUATOR_SEED=N WATCHGLASS_EVALUATOR_SEEDS=1 python -m pytest tests/evaluators/test_faults.py`.",
        "",
        f"- Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, in {took_s:.0f} s",
        f"- Seeds: {FIRST_SEED} to {FIRST_SEED + seeds - 1} ({seeds}), {CALLS} calls each",
        f"- Scores checked: {total['scores']}, of them {total['judged']} verdicts",
        f"- Terminal errors: {total['terminal errors']}; unscored by the judge: {total['unscored by the judge']};",
        f"  waited for money, then judged: {total['waited for money']}",
        f"- Lives that died: {total['lives that died']}",
        f"- Given up though they do not kill, since kills from outside hit them as poison's would: {outside}",
        "- Lost: 0. Shown twice: 0. Made up: 0. Budgets exceeded: 0.",
        "",
        "| what the endpoint answered | times |",
        "|---|---|",
        f"| a verdict | {faults['']} |",
        *(f"| {fault} | {faults[fault]} |" for fault in Endpoint.FAULTS),
        "",
    ]
    return "\n".join(lines)
