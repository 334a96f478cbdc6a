"""Run as a script, `assembler_process.py URL`: assemblers that kill themselves.

Each line in is a step: "before journal", or after it, or at another query. A life assembles everything or dies on the
way; each line out is the status that it ended with. Lives are forked, since importing takes longer than one.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pandas as pd  # noqa: F401 - a life needs it

from watchglass_collector.assembly import findings  # noqa: F401 - the same
from watchglass_collector.assembly.assembler import Assembler
from watchglass_store import StoreConfig, connect
from watchglass_store.queries import assembly as queries


def live(url: str, step: str) -> None:
    """Assemble everything, or die on the way."""
    when, _, name = step.partition(" ")
    original = getattr(queries, name)

    def deadly(*args: Any, **more: Any) -> Any:
        if when == "after":
            original(*args, **more)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(queries, name, deadly)
    assembler = Assembler(connect(StoreConfig(url=url), Path()), "one", 0.0)
    assembler.resume()
    while assembler.cycle().is_behind or assembler.waiting:
        pass


def main() -> None:
    """Live as often as asked."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            live(sys.argv[1], line.strip())
            os._exit(0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
