from watchglass_cli.demo.check import CALLS_PER_REPLAY
from watchglass_cli.demo.replay import _records, _spans, captured, replayed, span_count

WHEN = 1_800_000_000_000_000_000


def test_a_replay_keeps_every_span_and_moves_each_trace_as_a_whole() -> None:
    before, after = captured(), list(replayed(1, lambda _: WHEN))
    assert sum(map(span_count, after)) == sum(map(span_count, before)) == 138
    starts: dict[bytes, int] = {}
    for span in _spans(after):
        starts[span.trace_id] = min(starts.get(span.trace_id, span.start_time_unix_nano), span.start_time_unix_nano)
    assert set(starts.values()) == {WHEN}
    durations = [[s.end_time_unix_nano - s.start_time_unix_nano for s in _spans(each)] for each in (before, after)]
    assert durations[0] == durations[1]


def test_every_replay_is_new_traffic_with_the_same_shape() -> None:
    ids = [{span.trace_id for span in _spans(list(replayed(n, lambda _: WHEN)))} for n in (1, 2)]
    assert len(ids[0]) == len(ids[1])
    assert not ids[0] & ids[1]


def test_log_records_stay_with_their_spans() -> None:
    payloads = list(replayed(3, lambda _: WHEN))
    traces = {span.trace_id for span in _spans(payloads)}
    records = list(_records(payloads))
    assert records
    assert {record.trace_id for record in records} <= traces
    assert all(abs(record.observed_time_unix_nano - WHEN) < 120e9 for record in records)


def test_the_number_of_calls_that_the_check_expects() -> None:
    kinds = {"gen_ai.operation.name", "openinference.span.kind", "traceloop.span.kind"}
    calls = [span for span in _spans(captured()) if kinds & {attribute.key for attribute in span.attributes}]
    assert len(calls) == CALLS_PER_REPLAY
