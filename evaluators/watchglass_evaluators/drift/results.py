"""Rows of `drift_results`."""

import json
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from watchglass_evaluators.drift.judge import Judgement
from watchglass_evaluators.drift.monitors import TEST_VERSION, Monitor
from watchglass_store.queries.drift import Group


def result_row(
    monitor: Monitor,
    group: Group,
    judgement: Judgement,
    *,
    kind: str,
    window: tuple[datetime, datetime],
    reference: tuple[datetime, datetime],
    reference_calls: int,
    current_calls: int,
    now: datetime,
    duration_s: float = 0.0,
    state: str = "",
) -> dict[str, Any]:
    """Return one row; every row has the same columns."""
    return {
        "created_at": now,
        "monitor": monitor.name,
        "monitor_version": monitor.version,
        "kind": kind,
        "method": "conformal" if monitor.engine == "live" else monitor.method,
        "target": monitor.target,
        "service_name": group[0],
        "model": group[1],
        "prompt_version": group[2],
        "window_start": window[0],
        "window_end": window[1],
        "reference_start": reference[0],
        "reference_end": reference[1],
        "reference_calls": reference_calls,
        "current_calls": current_calls,
        "value": judgement.value,
        "value_kind": judgement.value_kind,
        "threshold": judgement.threshold,
        "alarm": int(judgement.alarm),
        "statistics": {name: float(value) for name, value in judgement.statistics.items()},
        "changes": json.dumps([change.as_json() for change in judgement.changes], ensure_ascii=False, default=float),
        "error": judgement.error,
        "versions": _versions(monitor),
        "duration_s": duration_s,
        "state": state,
        "report_html": judgement.report_html,
    }


def _versions(monitor: Monitor) -> dict[str, str]:
    versions = {"test": TEST_VERSION, "features": monitor.encoder or "hashed words"}
    for package in ("numpy", "scikit-learn"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
