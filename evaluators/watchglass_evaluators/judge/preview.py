"""A rubric tried on a few calls before it is saved: verdicts that somebody asked for on a page, and no scores.

The request names calls by id and holds the rubric; which endpoint is asked, with which key and for how much money, is
in the settings alone. What it costs is in the ledger, in the same daily budget as all judging. See design/0020.
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from watchglass_evaluators.config import EvaluatorsConfig
from watchglass_evaluators.evaluator import Call, EvaluatorSpec, EvaluatorUnavailable, Score
from watchglass_evaluators.intake import CallIntake
from watchglass_evaluators.judge.config import CustomRubric
from watchglass_evaluators.judge.factory import own_rubric
from watchglass_evaluators.judge.judge import Judge
from watchglass_evaluators.judge.prompt import TITLES
from watchglass_evaluators.judge.rubrics import Rubric
from watchglass_evaluators.progress import Arrival, CallId
from watchglass_store import Store, StoreError
from watchglass_store.queries import page_requests

logger = logging.getLogger("watchglass.evaluators")

MAX_AGE = timedelta(minutes=2)
"""Whoever asked has looked away since: a worker that comes back later asks nobody."""
MOST_CALLS = 10
POLL_S = 1.0

Place = tuple[str, str, str, int, int]
"""A call: trace_id, span_id, project of the API key, when it began and when it arrived, in Unix milliseconds."""


def rubric_from(name: str, definition: Mapping[str, Any]) -> Rubric:
    """The rubric that somebody typed.

    Raises:
        ValueError: it makes no sense; the text names the field.
    """
    try:
        return own_rubric(name, CustomRubric.model_validate(dict(definition)))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def calls_at(store: Store, config: EvaluatorsConfig, rubric: Rubric, places: Sequence[Place]) -> list[Call]:
    """The calls as the judge would see them, references and context included; one that is gone is left out."""
    arrivals = [
        Arrival(_time(received), CallId(trace, span, project), _time(start), "", "")
        for trace, span, project, start, received in places[:MOST_CALLS]
    ]
    spec = EvaluatorSpec("preview", "1", rubric.columns, (), longest_text=config.judge.longest_text)
    found = CallIntake(store, config).calls(arrivals, [spec])
    return [found[arrival.call] for arrival in arrivals if arrival.call in found]


def lacks(rubric: Rubric, call: Call) -> str:
    """What a call would need to be judged, e.g. 'no reference answer'; '' = nothing."""
    missing = [TITLES[column] for column in rubric.columns if not call.text(column)]
    return f"no {' and no '.join(missing)}: the judge is not asked" if missing else ""


class Previewer:
    """Answers requests to try a rubric. Of several workers the first to take a request asks the judge."""

    def __init__(
        self,
        store: Store,
        config: EvaluatorsConfig,
        make: Callable[[Rubric], Judge],
        *,
        clock: Callable[[], datetime],
        worker: str,
    ) -> None:
        """Everything is passed in.

        Args:
            store: where calls, requests and answers are.
            config: how long texts may be.
            make: makes the judge of a rubric.
            clock: what time it is.
            worker: name of this life of this worker, never used before.
        """
        self._store = store
        self._config = config
        self._make = make
        self._clock = clock
        self._worker = worker

    def run_forever(self, stop: threading.Event) -> None:
        """Look every second until told to stop; a store that is away is waited for."""
        is_failing = False
        while not stop.wait(POLL_S):
            try:
                self.run_once()
                is_failing = False
            except StoreError as error:
                if not is_failing:
                    logger.warning("previews of rubrics wait for the store: %s", error)
                is_failing = True

    def run_once(self) -> int:
        """Answer what is asked for; returns how many requests.

        Raises:
            StoreError: the store failed; a request that was taken then has no answer.
        """
        asked = page_requests.untaken_previews(self._store, since=self._clock() - MAX_AGE)
        return sum(self._answer(row["id"], row["target"], row["content"]) for row in asked)

    def _answer(self, request_id: str, name: str, content: str) -> bool:
        self._note(request_id, "taken", [{}])
        if page_requests.preview_taken_by(self._store, request_id) != self._worker:
            return False
        try:
            asked = json.loads(content)
            rubric = rubric_from(name, asked["rubric"])
            places: list[Place] = [(str(t), str(s), str(p), int(a), int(b)) for t, s, p, a, b in asked["calls"]]
            rows = self._judged(rubric, calls_at(self._store, self._config, rubric, places))
        except (ValueError, KeyError, TypeError) as error:
            self._note(request_id, "refused", [{"reason": f"the request makes no sense: {error}"[:300]}])
        except EvaluatorUnavailable as unavailable:
            self._note(request_id, "refused", [{"reason": str(unavailable)}])
        else:
            self._note(request_id, "judged", rows)
            self._note(request_id, "done", [{}])
        return True

    def _judged(self, rubric: Rubric, calls: Sequence[Call]) -> list[dict[str, Any]]:
        able = [call for call in calls if not lacks(rubric, call)]
        found = dict(zip((call.id for call in able), self._make(rubric).score(able), strict=True))
        return [_row(call, found[call.id][0] if call.id in found else _unasked(rubric, call)) for call in calls]

    def _note(self, request_id: str, outcome: str, rows: Sequence[Mapping[str, Any]]) -> None:
        empty = dict.fromkeys(("trace_id", "span_id", "project", "verdict", "explanation", "reason"), "")
        common = {"request_id": request_id, "time": self._clock(), "worker": self._worker, "outcome": outcome}
        filled = [{**common, **empty, "value": None, "cost_usd": 0.0, **row} for row in rows]
        page_requests.note_preview(self._store, filled, token=f"judge-preview-{request_id}-{outcome}")


def _unasked(rubric: Rubric, call: Call) -> Score:
    return Score("", None, lacks(rubric, call))


def _row(call: Call, score: Score) -> dict[str, Any]:
    return {
        "trace_id": call.trace_id,
        "span_id": call.span_id,
        "project": call.key_project,
        "value": score.value,
        "verdict": score.label,
        "explanation": score.explanation,
        "reason": score.reason,
        "cost_usd": score.cost_usd,
    }


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
