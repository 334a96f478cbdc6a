"""Run the store's owner with the collector in it, until killed: argv = data directory, store, HTTP and gRPC ports."""

import signal
import sys
import threading
from pathlib import Path

from watchglass_collector import Collector, CollectorConfig, install_views
from watchglass_store import EmbeddedServer, StoreConfig, connect, migrate


def main() -> None:
    """Serve; SIGTERM stops in order."""
    data_dir = Path(sys.argv[1])
    store_port, http_port, grpc_port = map(int, sys.argv[2:5])
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    store_config = StoreConfig(port=store_port)
    with EmbeddedServer(store_config, data_dir):
        store = connect(store_config, data_dir)
        migrate(store)
        install_views(store)
        config = CollectorConfig(
            http_port=http_port, grpc_port=grpc_port, segment_age_s=0.1, stop_timeout_s=60, assembly_settle_s=0.5
        )
        collector = Collector(config, store, data_dir)
        collector.start()
        stop.wait()
        collector.stop()
        store.close()


if __name__ == "__main__":
    main()
