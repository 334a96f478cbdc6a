"""An assembler that kills itself: `assembler_process.py URL "before journal"`, or after it, or at another query."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from watchglass_collector.assembly.assembler import Assembler
from watchglass_store import StoreConfig, connect
from watchglass_store.queries import assembly as queries


def main() -> None:
    """Assemble everything, or die on the way."""
    url, step = sys.argv[1:]
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


if __name__ == "__main__":
    main()
