from pathlib import Path

from watchglass_collector.spool.accepted import AcceptedDigests

SECOND = 10**9


class Clock:
    now_ns = 1_000 * SECOND

    def __call__(self) -> int:
        return self.now_ns


def digest(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_known_for_the_window_and_not_longer(tmp_path: Path) -> None:
    clock = Clock()
    accepted = AcceptedDigests(tmp_path, 60, clock)
    accepted.add(digest(1))
    clock.now_ns += 59 * SECOND
    assert digest(1) in accepted
    clock.now_ns += 2 * SECOND
    assert digest(1) not in accepted


def test_known_to_the_next_process_with_the_time_left(tmp_path: Path) -> None:
    clock = Clock()
    accepted = AcceptedDigests(tmp_path, 60, clock)
    accepted.add(digest(1))
    clock.now_ns += 30 * SECOND
    accepted.persist([digest(1)])
    reopened = AcceptedDigests(tmp_path, 60, clock)
    assert digest(1) in reopened
    clock.now_ns += 31 * SECOND
    assert digest(1) not in reopened


def test_a_torn_file_loses_the_torn_entry_only(tmp_path: Path) -> None:
    accepted = AcceptedDigests(tmp_path, 60, Clock())
    accepted.persist([digest(1), digest(2)])
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    reopened = AcceptedDigests(tmp_path, 60, Clock())
    assert digest(1) in reopened
    assert digest(2) not in reopened
    reopened.persist([digest(3)])
    assert digest(3) in AcceptedDigests(tmp_path, 60, Clock())


def test_memory_is_bounded_by_number_and_the_oldest_go_first(tmp_path: Path) -> None:
    accepted = AcceptedDigests(tmp_path, 3600, Clock(), max_entries=100)
    for number in range(500):
        accepted.add(digest(number))
    assert len(accepted) == 100
    assert digest(499) in accepted
    assert digest(399) not in accepted


def test_files_go_once_all_they_hold_is_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    accepted = AcceptedDigests(tmp_path, 60, clock, max_entries=10)
    for number in range(200):
        clock.now_ns += SECOND
        accepted.add(digest(number))
        accepted.persist([digest(number)])
    assert 60 / 5 <= len(list(tmp_path.iterdir())) <= 60 / 5 + 3
