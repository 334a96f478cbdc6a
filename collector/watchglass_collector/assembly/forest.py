"""The trees that parent ids make of spans, for a million spans at once.

Every question is answered by pointer jumping: each round doubles how far each span sees, so a chain of 100,000 spans
takes 17 rounds, and no round has a loop over spans.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]

NONE = -1


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees over numbered nodes; children come before or after their parents."""

    parent: Ints
    """Number of each node's parent, `NONE` at the top of a tree."""
    top: Ints
    """Number of the top of each node's tree."""
    depth: Ints
    """Steps from each node to its top."""

    @classmethod
    def grow(cls, parent: Ints) -> "Forest":
        """Make a forest of parent pointers; a cycle is cut above its lowest-numbered node."""
        parent = _cut_cycles(parent)
        nodes = np.arange(len(parent))
        top = np.where(parent == NONE, nodes, parent)
        depth = (parent != NONE).astype(np.int64)
        while (top[top] != top).any():
            depth += depth[top]
            top = top[top]
        return cls(parent, top, depth)

    def has_below(self, marked: Bools) -> Bools:
        """Which nodes have a marked one somewhere below them."""
        found, ancestor = marked.copy(), self.parent.copy()
        while (ancestor != NONE).any():
            rising = found & (ancestor != NONE)
            found[ancestor[rising]] = True
            ancestor = _jump(ancestor)
        below = np.zeros(len(found), dtype=np.bool_)
        below[self.parent[found & (self.parent != NONE)]] = True
        return below

    def nearest(self, marked: Bools) -> Ints:
        """Number of the nearest marked node from each node upwards, itself included; `NONE` without one."""
        found = np.where(marked, np.arange(len(marked)), self.parent)
        while True:
            further = _jump(found)
            if (further == found).all():
                return np.where(_holds(marked, found), found, NONE)
            found = further


def link(keys: Ints, parent_keys: Ints, traces: Texts, projects: Texts, spans: Texts, parents: Texts) -> Ints:
    """Number of each span's parent among the spans, `NONE` where it has none or it is not there.

    Args:
        keys: a hash of each span's trace, project and span id.
        parent_keys: the same hash of its trace, project and parent id.
        traces: trace ids.
        projects: the projects that they came with: one's span is never above another's.
        spans: span ids.
        parents: parent ids, '' = none.
    """
    if not len(keys):
        return np.zeros(0, dtype=np.int64)
    order = np.argsort(keys, kind="stable")
    place = np.minimum(np.searchsorted(keys[order], parent_keys), len(keys) - 1)
    candidate = order[place]
    # The ids decide: hashes only say where to look.
    is_one_trace = (traces[candidate] == traces) & (projects[candidate] == projects)
    is_parent = is_one_trace & (spans[candidate] == parents) & (parents != "")
    return np.where(is_parent, candidate, NONE)


def _jump(pointer: Ints) -> Ints:
    """Follow each pointer by the pointer where it leads."""
    return np.where(pointer == NONE, NONE, pointer[pointer])


def _holds(marked: Bools, nodes: Ints) -> Bools:
    held: Bools = (nodes != NONE) & marked[nodes]
    return held


def _cut_cycles(parent: Ints) -> Ints:
    ancestor, rounds = parent.copy(), len(parent).bit_length()
    for _ in range(rounds):
        ancestor = _jump(ancestor)
    # After more steps than there are nodes, only nodes that lead into a cycle still point anywhere: to all of it.
    on_cycle = np.unique(ancestor[ancestor != NONE])
    if not len(on_cycle):
        return parent
    lowest, ancestor = np.arange(len(parent)), parent.copy()
    for _ in range(rounds):
        lowest[on_cycle] = np.minimum(lowest[on_cycle], lowest[ancestor[on_cycle]])
        ancestor = _jump(ancestor)
    cut = parent.copy()
    cut[on_cycle[lowest[on_cycle] == on_cycle]] = NONE
    return cut
