"""How the C library keeps what Python frees: one heap for all threads, and large blocks given back at once.

glibc opens a heap for each thread that finds the others' busy, and what one thread frees there another one does not
take: a collector's dozen threads kept 100 MB that nobody used (design/0013-ingest-cost.md). Python's threads take turns
anyway, and the engine has an allocator of its own.
"""

import ctypes
from typing import Final

_SETTINGS: Final = {
    -8: 1,  # M_ARENA_MAX
    -3: 1 << 20,  # M_MMAP_THRESHOLD: blocks from this size on are returned when they are freed
    -1: 4 << 20,  # M_TRIM_THRESHOLD: free bytes at the end of the heap that are kept
}
"""mallopt(3); the numbers are those of glibc's malloc.h."""


def share_one_heap() -> bool:
    """Set this process up so; before its threads start.

    Returns:
        Whether it is: a C library other than glibc has its own ways.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return all(mallopt(name, value) == 1 for name, value in _SETTINGS.items())
