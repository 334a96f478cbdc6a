"""Windows lose no token, packs keep their budget, and a part is worked on before it is asked for."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from watchglass_evaluators.models.packing import packs, windows
from watchglass_evaluators.models.tokens import ahead


@given(st.integers(0, 300), st.integers(6, 80), st.integers(0, 100))
def test_windows_hold_every_token_and_fit(count: int, longest: int, overlap: int) -> None:
    body = list(range(10, 10 + count))
    found = windows([1, *body, 2], longest, overlap=overlap)
    assert all(len(window) <= longest and window[0] == 1 and window[-1] == 2 for window in found)
    assert found[0] == [1, *body[: longest - 2], 2], "the first is what truncation leaves"
    assert list(dict.fromkeys(token for window in found for token in window[1:-1])) == body
    for left, right in pairwise(found):
        shared = min(overlap, (longest - 2) // 2)
        assert left[-1 - shared : -1] == right[1 : 1 + shared]


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 120), st.booleans())
def test_packs_hold_each_sequence_once_within_the_budget(lengths: list[int], budget: int, padded: bool) -> None:
    found = list(packs(lengths, budget, padded=padded))
    assert sorted(index for pack in found for index in pack) == list(range(len(lengths)))
    for pack in found:
        taken = [lengths[index] for index in pack]
        tokens = max(taken) * len(taken) if padded else sum(taken)
        assert tokens <= budget or len(pack) == 1
        assert taken == sorted(taken, reverse=True)


def test_parts_are_begun_ahead_but_only_so_many() -> None:
    begun: list[int] = []
    gate = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        gate.wait(10)
        return number * number

    with ThreadPoolExecutor(8) as pool:
        threading.Timer(0.2, gate.set).start()
        results = ahead(pool, work, iter(range(20)), 3)
        assert next(results) == 0
        assert len(begun) <= 5
        assert list(results) == [number * number for number in range(1, 20)]
