"""How many heaps a process with many threads ends up with, in processes of their own."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import ctypes, sys, threading
from watchglass_collector.heap import share_one_heap
if sys.argv[2] == "shared":
    assert share_one_heap()
meet = threading.Barrier(8)
def work():
    meet.wait()
    kept = [bytes(n) for n in range(600, 4000)]
    meet.wait()
    return kept
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc = ctypes.CDLL("libc.so.6")
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def heaps(path: Path, how: str) -> int:
    subprocess.run([sys.executable, "-c", PROGRAM, path, how], check=True, timeout=60)
    return path.read_text(encoding="ascii").count("<heap ")


def test_threads_share_one_heap_where_they_would_have_several(tmp_path: Path) -> None:
    assert heaps(tmp_path / "one.xml", "shared") == 1
    assert heaps(tmp_path / "many.xml", "as it comes") > 1
