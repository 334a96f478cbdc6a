"""A collector alone: argv = its settings and the store's as JSON, a data directory, flaws. Each line in: statistics.

The flaw 'broken' raises an error that nobody foresaw for each request.
"""

import json
import sys
from pathlib import Path

from watchglass_collector import Collector, CollectorConfig
from watchglass_collector.intake import Intake
from watchglass_store import StoreConfig, connect


def say(what: object) -> None:
    """One line out."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def broken(*_: object) -> object:
    """Fail as no code should."""
    raise ZeroDivisionError("secret detail")


def main() -> None:
    """Serve until standard input ends."""
    if "broken" in sys.argv[4:]:
        Intake._admit = broken  # type: ignore[method-assign,assignment]
    config, store_config = CollectorConfig.model_validate_json(sys.argv[1]), json.loads(sys.argv[2])
    data_dir = Path(sys.argv[3])
    store = connect(StoreConfig(**store_config), data_dir)
    collector = Collector(config, store, data_dir)
    collector.start()
    say({"http": collector.http_url, "grpc": collector.grpc_target})
    for _ in sys.stdin:
        say(collector.stats())
    collector.stop()
    store.close()


if __name__ == "__main__":
    main()
