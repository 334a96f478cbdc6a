"""Rows of `drift_results` for the seeded store."""

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
