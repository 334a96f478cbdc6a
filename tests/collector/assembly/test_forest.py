"""Trees from parent ids, against walking them one by one."""

import random

import numpy as np
import pytest

from watchglass_collector.assembly.forest import NONE, Forest, link


def walk(parent: list[int], node: int) -> list[int]:
    """A node and all above it."""
    path = [node]
    while parent[path[-1]] != NONE:
        path.append(parent[path[-1]])
    return path


@pytest.mark.parametrize("seed", range(20))
def test_random_trees_are_as_walking_finds_them(seed: int) -> None:
    dice = random.Random(seed)
    size = dice.randrange(1, 60)
    numbers = list(range(size))
    dice.shuffle(numbers)  # parents before and behind their children
    parent = [NONE] * size
    for place, node in enumerate(numbers):
        if place and dice.random() < 0.8:
            parent[node] = numbers[dice.randrange(place)]
    marked = [dice.random() < 0.3 for _ in range(size)]
    forest = Forest.grow(np.array(parent))
    paths = [walk(parent, node) for node in range(size)]
    assert forest.top.tolist() == [path[-1] for path in paths]
    assert forest.depth.tolist() == [len(path) - 1 for path in paths]
    nearest = [next((node for node in path if marked[node]), NONE) for path in paths]
    assert forest.nearest(np.array(marked)).tolist() == nearest
    below = [any(marked[other] and node in paths[other][1:] for other in range(size)) for node in range(size)]
    assert forest.has_below(np.array(marked)).tolist() == below


def test_a_chain_of_100_000_spans_the_wrong_way_round() -> None:
    size = 100_000
    forest = Forest.grow(np.append(np.arange(1, size), NONE))
    assert forest.depth.tolist() == list(range(size - 1, -1, -1))
    assert set(forest.top.tolist()) == {size - 1}
    only_lowest = np.arange(size) == 0
    assert forest.has_below(only_lowest).sum() == size - 1
    assert (forest.nearest(~only_lowest)[1:] == np.arange(1, size)).all()


def test_cycles_are_cut_above_their_lowest_number_and_nowhere_else() -> None:
    #        3 -> 1 -> 2 -> 3 with 0 hanging on 2; 4 is its own parent; 5 -> 6 is a tree
    forest = Forest.grow(np.array([2, 2, 3, 1, 4, 6, NONE]))
    assert forest.parent.tolist() == [2, NONE, 3, 1, NONE, 6, NONE]
    assert forest.top.tolist() == [1, 1, 1, 1, 4, 6, 6]


def test_no_spans() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert len(Forest.grow(none).top) == 0
    assert len(link(none, none, *[np.zeros(0, dtype=object)] * 4)) == 0


def test_ids_decide_and_not_their_hashes() -> None:
    traces = np.array(["t", "t", "t", "u"], dtype=object)
    spans = np.array(["a", "b", "c", "a"], dtype=object)
    parents = np.array(["", "a", "gone", "a"], dtype=object)
    keys, one = np.array([7, 8, 9, 10]), np.array(["p"] * 4, dtype=object)
    assert link(keys, np.array([0, 7, 5, 10]), traces, one, spans, parents).tolist() == [NONE, 0, NONE, 3]
    # Somebody else's id with the same hash.
    assert link(keys, np.array([0, 9, 5, 7]), traces, one, spans, parents).tolist() == [NONE, NONE, NONE, NONE]
    # The same ids, sent by somebody else.
    two = np.array(["p", "q", "p", "p"], dtype=object)
    assert link(keys, np.array([0, 7, 5, 10]), traces, two, spans, parents).tolist() == [NONE, NONE, NONE, 3]
