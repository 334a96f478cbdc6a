"""Run as a script: a Ray cluster with a make-believe GPU. Prints its address, and ends with its standard input."""

import contextlib
import os
import sys


def main() -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    for last in (False, False, True):  # Ray gives its own processes 30 s to start, which a busy machine may need
        with contextlib.suppress(*(() if last else (Exception,))):
            context = ray.init(num_cpus=2, num_gpus=1, include_dashboard=False, object_store_memory=80_000_000)
            break
    sys.stdout.write(f"{context.address_info['address']}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
