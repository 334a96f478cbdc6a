"""Rows of `drift_results` and `evaluation_log` for the seeded store."""

from datetime import datetime, timedelta
from typing import Any

import orjson


def drift_results(now: datetime, text: str = "") -> list[dict[str, Any]]:
    """Nine windows, the last of them drifting; and one series that never had enough calls."""
    rows = []
    for number in range(9):
        end = now - timedelta(hours=8 - number)
        drifts = number == 8
        word = {
            "kind": "word", "name": text or "refund", "reference": 0.01, "current": 0.14, "z": 6.2,
            "examples": [{"trace_id": "ab" * 16, "span_id": "cd" * 8, "text": text or "I want my refund now."}],
        }  # fmt: skip
        length = {
            "kind": "mean",
            "name": "characters",
            "reference": 80.0,
            "current": 60.0,
            "z": -4.1,
            "effect_sd": -0.4,
        }
        rows.append(
            {
                "created_at": end, "monitor": text or "answers", "monitor_version": "1", "kind": "window",
                "method": text or "combined", "target": text or "response_text", "service_name": text or "support-bot",
                "window_start": end - timedelta(hours=1), "window_end": end, "reference_calls": 900,
                "reference_start": end - timedelta(days=8), "reference_end": end - timedelta(hours=1),
                "current_calls": 240, "value": 0.001 if drifts else 0.2 + number / 20, "value_kind": "p_value",
                "threshold": 0.01, "alarm": int(drifts), "error": "", "statistics": {text or "mmd": 0.001},
                "changes": orjson.dumps([word, length] if drifts else []).decode(),
            }
        )  # fmt: skip
    few = {"monitor": "prompts", "value": None, "alarm": 0, "error": text or "31 calls, needs 100", "changes": "[]"}
    return [*rows, {**rows[0], **few}]


def evaluation_log(now: datetime) -> list[dict[str, Any]]:
    """Four evaluators that are up to date, one that waits, and one failure."""
    base = {
        "evaluator_version": "1", "shard": "0/1", "worker": "w", "trace_id": "", "span_id": "", "calls": 0, "scored": 0,
        "unscored": 0, "errors": 0, "skipped": 0, "since": now, "watermark": now, "duration_s": 0.0, "cost_usd": 0.0,
        "message": "",
    }  # fmt: skip
    rows = [
        {**base, "time": now - timedelta(minutes=30), "evaluator": name, "event": "batch", "scored": 380,
         "unscored": 26 if name == "rouge" else 0, "duration_s": duration_s}
        for name, duration_s in (("rouge", 0.06), ("profanity", 0.03), ("response_length", 0.001), ("refusal", 0.004))
    ]  # fmt: skip
    waits = {**base, "time": now - timedelta(minutes=20), "evaluator": "toxicity", "event": "waiting"}
    failed = {**base, "time": now - timedelta(minutes=40), "evaluator": "rouge", "event": "error"}
    where = {
        "trace_id": "ab" * 16,
        "span_id": "cd" * 8,
        "message": "the answer has 2,000,000 characters; 1,000,000 at most",
    }
    return [*rows, {**waits, "message": "no weights: set evaluators.models.toxicity.path"}, {**failed, **where}]
