"""Half of a system that is to be killed: argv = 'store' DATA PORT, or 'collector' DATA STORE_PORT HTTP_PORT."""

import signal
import sys
import threading
import time
from pathlib import Path

from watchglass_collector import Collector, CollectorConfig, install_views
from watchglass_store import EmbeddedServer, Store, StoreConfig, StoreUnavailable, connect, migrate
from watchglass_store.address import Address
from watchglass_store.server.credentials import ADMINISTRATOR, load_credentials


def main() -> None:
    """Serve; SIGTERM stops in order."""
    role, data_dir, store_port = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if role == "store":
        config = StoreConfig(port=store_port)
        with EmbeddedServer(config, data_dir):
            store = connect(config, data_dir)
            migrate(store)
            install_views(store)
            store.close()
            (data_dir / "is-ready").touch()
            stop.wait()
        return
    password = load_credentials(data_dir).administrator
    address = Address("127.0.0.1", store_port, ADMINISTRATOR, password, "watchglass")
    collector_config = CollectorConfig(http_port=int(sys.argv[4]), grpc_port=0, segment_age_s=0.1, stop_timeout_s=2)
    store = _when_there(StoreConfig(url=address.url), data_dir)
    collector = Collector(collector_config, store, data_dir)
    collector.start()
    stop.wait()
    collector.stop()
    store.close()


def _when_there(config: StoreConfig, data_dir: Path) -> Store:
    while True:
        try:
            return connect(config, data_dir)
        except StoreUnavailable:
            time.sleep(0.05)


if __name__ == "__main__":
    main()
