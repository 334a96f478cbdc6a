"""The decisions about progress, without a store."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from watchglass_evaluators.progress import TICK, CallId, Cursor, Place, Shard, careful_groups, resume

EPOCH = datetime.fromtimestamp(0, UTC)
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


def life(worker: str, event: str, *, done: datetime, shard: str = "0/1", second: float = 1000) -> dict[str, Any]:
    return {
        "shard": shard,
        "worker": worker,
        "event": event,
        "time": at(second),
        "since": at(second - 10),
        "watermark": at(second - 5) if event == "start" else done,
        "done": done,
    }


def go_on(rows: list[dict[str, Any]], shard: str = "0/1") -> Cursor:
    return resume(rows, Shard.parse(shard), worker="me", begin=BEGIN, recheck_s=60)


def calls(count: int) -> list[CallId]:
    return [CallId(f"{i:032x}", "s") for i in range(count)]


def test_a_new_evaluator_begins_at_the_look_back() -> None:
    cursor = go_on([])
    assert cursor.fresh == cursor.rechecked == Place.end_of(BEGIN)
    assert (cursor.verify_until, cursor.open_starts) == (BEGIN, [])


def test_a_new_life_goes_on_and_looks_again_at_what_was_not_old_enough() -> None:
    cursor = go_on([life("a", "batch", done=at(500)), life("b", "batch", done=at(400))])
    assert cursor.fresh == Place.end_of(at(500))
    assert cursor.rechecked == Place.end_of(at(440))
    assert cursor.verify_until == at(500) + TICK, "a batch may have ended in the middle of a millisecond"


def test_even_when_it_was_away_for_longer_than_the_look_back() -> None:
    assert go_on([life("a", "batch", done=at(-900_000))]).fresh == Place.end_of(at(-900_000))


def test_a_start_without_an_end_is_found_but_not_ones_own() -> None:
    rows = [life("a", "start", done=at(500)), life("me", "start", done=at(400)), life("b", "batch", done=at(300))]
    cursor = go_on(rows)
    [start] = cursor.open_starts
    assert (start.worker, start.since, start.watermark) == ("a", at(990), at(995))
    assert cursor.verify_until == at(995) + TICK, "what may have been written before the death is asked for"


def test_a_life_that_never_finished_anything_goes_on_where_it_began() -> None:
    assert go_on([life("a", "start", done=EPOCH)]).fresh == Place.end_of(at(990) - TICK)


@pytest.mark.parametrize(
    ("rows", "shard", "fresh"),
    [
        ([("0/2", 100), ("1/2", 90)], "0/1", 90),
        ([("0/2", 100)], "0/1", 0),  # nobody knows how far 1/2 was
        ([("0/1", 100)], "2/4", 100),
        ([("0/4", 100)], "1/4", 0),  # the same layout: another shard says nothing about this one
        ([("0/1", 100), ("0/2", 200)], "0/2", 200),
        ([("0/2", 50), ("0/1", 100)], "0/2", 100),  # its own layout is of long ago
        ([("0/4", 90), ("2/4", 80), ("1/2", 70)], "0/1", 70),  # two layouts at once cover everything
        ([("0/4", 90), ("1/2", 70)], "0/1", 0),
        ([("0/4", 90), ("2/4", 80), ("1/2", 70)], "0/3", 70),
        ([("0/4", 90), ("2/4", 80), ("1/2", 70)], "2/6", 80),
        ([(f"{i}/997", 10) for i in range(997)] + [("0/1009", 20), ("0/1", 30)], "0/2", 30),  # old layouts go
    ],
)
def test_when_the_number_of_shards_changes(rows: list[tuple[str, int]], shard: str, fresh: int) -> None:
    lives = [life(f"w{i}", "batch", done=at(d), shard=s, second=d + 1) for i, (s, d) in enumerate(rows)]
    assert go_on(lives, shard).fresh == Place.end_of(at(fresh))


def test_another_shards_open_start_is_its_own_affair() -> None:
    assert go_on([life("a", "start", done=at(1), shard="1/2")], "0/2").open_starts == []


def test_the_last_look_never_overtakes_and_memory_is_let_go() -> None:
    cursor = go_on([])
    early, late = Place(at(10), calls(1)[0]), Place(at(95), calls(1)[0])
    cursor.done = {early, late}
    cursor.finish(fresh=Place.end_of(at(100)), last_look=at(40))
    assert (cursor.fresh, cursor.rechecked) == (Place.end_of(at(100)), Place.end_of(at(40)))
    assert cursor.done == {late}
    cursor.finish(fresh=Place.end_of(at(100)), last_look=at(300))
    assert (cursor.rechecked, cursor.done) == (Place.end_of(at(100)), set())


def test_a_place_inside_a_millisecond_has_the_watermark_before_it() -> None:
    assert Place(at(1), calls(1)[0]).watermark == at(1) - TICK
    assert Place.end_of(at(1)).watermark == at(1)
    assert Place(at(1), CallId("f" * 32, "f" * 16)) < Place.end_of(at(1)) < Place(at(1) + TICK, CallId("", ""))


def test_suspects_are_tried_in_small_groups_then_alone_then_given_up() -> None:
    suspects = calls(40)
    groups, lost = careful_groups(suspects, {})
    assert ([len(group) for group in groups], lost) == ([16, 16, 8], [])
    deaths = dict.fromkeys(suspects[:16], 1) | {suspects[3]: 2}
    groups, lost = careful_groups(suspects, deaths)
    assert [len(group) for group in groups] == [16, 8] + [1] * 15, "the innocent first"
    assert lost == [suspects[3]]
    assert sorted(call for group in groups for call in group) == [call for call in suspects if call not in lost]


@pytest.mark.parametrize(("shard", "count"), [("0/1", 3), ("1/2", 2), ("2/3", 4)])
def test_the_parts_of_a_shard_are_the_whole_of_it(shard: str, count: int) -> None:
    whole = Shard.parse(shard)
    parts = [whole.part(i, count) for i in range(count)]
    for trace in range(120):
        owners = [part for part in parts if trace % part.count == part.index]
        assert len(owners) == (trace % whole.count == whole.index)


@pytest.mark.parametrize("text", ["", "1", "1/1", "-1/2", "a/b", "0/0", "0/1/2", "½/1"])
def test_a_shard_that_makes_no_sense(text: str) -> None:
    with pytest.raises(ValueError, match="is not i/n with 0 <= i < n"):
        Shard.parse(text)
