"""What alert rules measure: calls and scores in a window, in groups, for many sets of filters in one scan.

A query reads its window once, into one row for each combination of the fields that any set filters or groups by, and
then sums these rows for each set. So a thousand rules over one window cost about as much as one. Fields are names from
fixed lists, values are bound; each query has limits on time and memory.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from watchglass_store.client import Store
from watchglass_store.queries.quantiles import LEVELS_SQL

CALL_FIELDS = frozenset(
    {"service_name", "environment", "operation_name", "provider_name", "model", "prompt_name", "prompt_version"}
)
SCORE_FIELDS = frozenset(
    {
        "service_name",
        "environment",
        "model",
        "prompt_name",
        "prompt_version",
        "evaluator",
        "evaluator_version",
        "source",
    }
)
Filters = Mapping[str, Sequence[str]]
"""Field to accepted values."""
Line = tuple[str, float, str]
"""('above' or 'below', a value, '') or ('label', 0.0, a label): which scores `matching` counts."""
LIMITS = {"max_execution_time": 30, "max_memory_usage": 1_000_000_000}

MINUTES = """
SELECT {dimensions}
    sum(t.calls) AS calls, sum(t.errors) AS errors,
    sum(t.input_tokens) AS input_tokens, sum(t.output_tokens) AS output_tokens, sum(t.cost_usd) AS cost_usd,
    sum(t.duration_s_sum) AS duration_s_sum, sum(t.duration_s_sum_squares) AS duration_s_sum_squares,
    sum(t.time_to_first_token_calls) AS time_to_first_token_calls {quantiles}
FROM llm_calls_1m AS t
WHERE t.minute >= {{start:DateTime('UTC')}} AND t.minute < {{end:DateTime('UTC')}}
{group_by}
"""

MINUTE_QUANTILES = """,
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(t.duration_s_quantiles) AS duration_s_quantiles,
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(t.time_to_first_token_s_quantiles) AS time_to_first_token_s_quantiles
"""

# The hours of the window are read, narrow columns only.
_CALLS = """
SELECT {dimensions}
    count() AS calls, countIf(t.error_type != '') AS errors,
    sumIf(ifNull(t.usage_input_tokens, 0), t.usage_counted = 1) AS input_tokens,
    sumIf(ifNull(t.usage_output_tokens, 0), t.usage_counted = 1) AS output_tokens,
    sumIf(ifNull(t.cost_usd, 0), t.usage_counted = 1) AS cost_usd,
    sum(t.duration_s) AS duration_s_sum, sum(t.duration_s * t.duration_s) AS duration_s_sum_squares,
    countIf(t.time_to_first_token_s IS NOT NULL) AS time_to_first_token_calls {quantiles}
FROM (
    SELECT *, if(response_model != '', response_model, request_model) AS model FROM llm_calls
    WHERE hour >= toStartOfHour({{start:DateTime('UTC')}}) AND hour < {{end:DateTime('UTC')}}
) AS t
WHERE t.start_time >= {{start:DateTime('UTC')}} AND t.start_time < {{end:DateTime('UTC')}}
{group_by}
"""

_CALL_QUANTILES = """,
    quantilesTDigestState(0.5, 0.95, 0.99)(t.duration_s) AS duration_s_quantiles,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(
        assumeNotNull(t.time_to_first_token_s), t.time_to_first_token_s IS NOT NULL
    ) AS time_to_first_token_s_quantiles
"""

CALL_SUMS = """
    sum(b.calls) AS calls, sum(b.errors) AS errors,
    sum(b.input_tokens) AS input_tokens, sum(b.output_tokens) AS output_tokens, sum(b.cost_usd) AS cost_usd,
    sum(b.duration_s_sum) AS duration_s_sum, sum(b.duration_s_sum_squares) AS duration_s_sum_squares,
    sum(b.time_to_first_token_calls) AS time_to_first_token_calls
"""
MERGED_QUANTILES = f""",
    quantilesTDigestMerge({LEVELS_SQL})(b.duration_s_quantiles) AS duration_s_quantiles,
    quantilesTDigestMerge({LEVELS_SQL})(b.time_to_first_token_s_quantiles) AS time_to_first_token_s_quantiles
"""

# Of a score that was written twice the later one counts, and of two versions of an evaluator the one that scored the
# call last, unless versions are told apart. Without FINAL, which would read all scores of the day to merge them: the
# time of a call does not change, so all are in the window or none.
SCORES = """
SELECT {dimensions}
    count() AS scores, avgState(t.value) AS mean, varSampStableState(t.value) AS variance,
    quantilesState(0.5)(t.value) AS value_quantiles,
    sumForEach({matching}) AS matching
FROM (
    SELECT {columns}, label, assumeNotNull(latest.value) AS value FROM (
        SELECT {columns}, label, scores.value AS value FROM scores
        PREWHERE call_time >= {{start:DateTime('UTC')}} AND call_time < {{end:DateTime('UTC')}}
        WHERE name IN {{wanted_names:Array(String)}}
        ORDER BY created_at DESC, evaluator_version DESC
        LIMIT 1 BY name, evaluator, {version} trace_id, span_id, project
    ) AS latest
    WHERE isNotNull(latest.value) AND isFinite(latest.value)
) AS t
{group_by}
"""

SCORE_SUMS = f"""
    sum(b.scores) AS scores, avgMerge(b.mean) AS mean, varSampStableMerge(b.variance) AS variance,
    quantilesMerge({LEVELS_SQL})(b.value_quantiles) AS value_quantiles,
    sumForEach(b.matching) AS matching
"""

_BY_SET = """
SELECT *, count() OVER (PARTITION BY member) AS groups FROM (
    SELECT member, {fields} {sums}
    FROM ({scan}) AS b
    ARRAY JOIN arrayFilter(i -> {accepts}, range(1, {{sets:UInt32}} + 1)) AS member
    GROUP BY {keys}
)
ORDER BY {order} LIMIT {{limit:UInt32}} BY member
"""


def call_measures(
    store: Store,
    *,
    start: datetime,
    end: datetime,
    sets: Sequence[Filters],
    group_by: Sequence[str],
    limit: int,
    quantiles: bool,
) -> list[dict[str, Any]]:
    """Every measure of the calls that started in a window, for each set of filters.

    Whole minutes are read from the rollup, anything finer from the calls themselves.

    Args:
        store: where to ask.
        start: of the window, included; whole seconds.
        end: of the window, excluded; whole seconds.
        sets: filters, fields from `CALL_FIELDS`; they travel in the request's address, 16 KB in all.
        group_by: fields from `CALL_FIELDS`.
        limit: most groups of a set to return, those with most calls first.
        quantiles: the quantiles too, which cost more than all the rest.

    Returns:
        Rows with `member` (which set, from 1), the group's fields, `groups` (how many the set has), `calls`, `errors`,
        `input_tokens`, `output_tokens`, `cost_usd`, `duration_s_sum`, `duration_s_sum_squares`,
        `time_to_first_token_calls`, and with `quantiles` also `duration_s_quantiles` and
        `time_to_first_token_s_quantiles` (at each of `quantiles.LEVELS`, NaN without data). A set without calls has
        no row.
    """
    whole_minutes = int(start.timestamp()) % 60 == 0 and int(end.timestamp()) % 60 == 0
    dimensions = dimensions_of(sets, group_by, CALL_FIELDS)
    states = MINUTE_QUANTILES if whole_minutes else _CALL_QUANTILES
    scan = (MINUTES if whole_minutes else _CALLS).format(
        dimensions="".join(f"t.{field} AS {field}, " for field in dimensions),
        group_by=_group_by(dimensions),
        quantiles=states if quantiles else "",
    )
    sums = CALL_SUMS + (MERGED_QUANTILES if quantiles else "")
    sql, bound = _by_set(scan, sums, sets, group_by, size="calls")
    return store.query(sql, bound | {"start": start, "end": end, "limit": limit}, settings=LIMITS)


def score_measures(
    store: Store,
    *,
    start: datetime,
    end: datetime,
    names: Sequence[str],
    sets: Sequence[Filters],
    lines: Sequence[Line],
    group_by: Sequence[str],
    limit: int,
) -> list[dict[str, Any]]:
    """Every measure of scores, over the calls that started in a window. Unscored calls are left out.

    A call that two versions of an evaluator scored counts once, with the later score; where any set or `group_by` has
    `evaluator_version`, each version counts.

    Args:
        store: where to ask.
        start: of the window, included.
        end: of the window, excluded.
        names: the score of each set, as many as there are sets.
        sets: filters, fields from `SCORE_FIELDS`; they travel in the request's address, 16 KB in all.
        lines: what to count in `matching`.
        group_by: fields from `SCORE_FIELDS`.
        limit: most groups of a set to return, those with most scores first.

    Returns:
        Rows with `member` (which set, from 1), the group's fields, `groups`, `scores` (how many), `mean`, `variance`
        (of the sample, NaN below two), `value_quantiles` (at each of `quantiles.LEVELS`) and `matching`, a count for
        each line.        A set without scores has no row.
    """
    dimensions = dimensions_of(sets, group_by, SCORE_FIELDS)
    conditions = [line_condition(side, index) for index, (side, _, _) in enumerate(lines)]
    scan = SCORES.format(
        dimensions="".join(f"t.{field} AS {field}, " for field in ("name", *dimensions)),
        columns=", ".join(("name", *dimensions)),
        version="evaluator_version," if "evaluator_version" in dimensions else "",
        group_by=_group_by(("name", *dimensions)),
        matching=f"[{', '.join(conditions) or 'toUInt64(0)'}]",
    )
    sql, bound = _by_set(scan, SCORE_SUMS, sets, group_by, size="scores", also="{names:Array(String)}[i] = b.name")
    for index, (_, line, label) in enumerate(lines):
        bound |= {f"line_{index}": line, f"label_{index}": label}
    bound |= {"names": list(names), "wanted_names": sorted(set(names)), "start": start, "end": end, "limit": limit}
    return store.query(sql, bound, settings=LIMITS)


def line_condition(side: str, index: int) -> str:
    """Whether a score is among those that a line counts, 1 or 0; its parameters are `line_N` and `label_N`."""
    condition = {
        "above": f"t.value > {{line_{index}:Float64}}",
        "below": f"t.value < {{line_{index}:Float64}}",
        "label": f"t.label = {{label_{index}:String}}",
    }[side]
    return f"toUInt64({condition})"


def dimensions_of(sets: Sequence[Filters], group_by: Sequence[str], allowed: frozenset[str]) -> list[str]:
    """The fields that any set filters or groups by.

    Raises:
        ValueError: one is not allowed.
    """
    used = {field for filters in sets for field in filters} | set(group_by)
    if used - allowed:
        raise ValueError(f"unknown fields {sorted(used - allowed)}; allowed: {sorted(allowed)}")
    return sorted(used)


def _group_by(dimensions: Sequence[str]) -> str:
    # Without a key a scan of nothing would still give a row.
    return f"GROUP BY {', '.join(f't.{field}' for field in dimensions)}" if dimensions else "HAVING count() > 0"


def _by_set(
    scan: str, sums: str, sets: Sequence[Filters], group_by: Sequence[str], *, size: str, also: str = ""
) -> tuple[str, dict[str, Any]]:
    filtered = sorted({field for filters in sets for field in filters})
    conditions = [also] if also else []
    conditions += [
        f"(empty({{filter_{field}:Array(Array(String))}}[i]) "
        f"OR has({{filter_{field}:Array(Array(String))}}[i], toString(b.{field})))"
        for field in filtered
    ]
    sql = _BY_SET.format(
        fields="".join(f"b.{field} AS {field}, " for field in group_by),
        sums=sums,
        scan=scan,
        accepts=" AND ".join(conditions) or "1",
        keys=", ".join(("member", *(f"b.{field}" for field in group_by))),
        order=", ".join(("member", f"{size} DESC", *group_by)),
    )
    bound: dict[str, Any] = {
        f"filter_{field}": [list(filters.get(field, ())) for filters in sets] for field in filtered
    }
    return sql, bound | {"sets": len(sets)}
