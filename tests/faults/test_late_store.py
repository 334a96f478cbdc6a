"""A collector of a store that is away when it starts: it acknowledges, keeps, and stores later."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx

from watchglass_store import StoreConfig, StoreError, connect
from watchglass_store.address import Address

from .chaos_load import PROTOBUF, Body
from .chaos_proxy import ChaosProxy
from .chaos_world import wait_until


def test_a_collector_starts_without_its_store(
    store_config: StoreConfig, tmp_path: Path, free_ports: Callable[[], int]
) -> None:
    address, http_port = Address.parse(store_config.url), free_ports()
    with ChaosProxy(address.port, free_ports(), piece_bytes=1, pause_s=0) as proxy:
        proxy.mode = "down"
        environment = {
            "WATCHGLASS_STORE__URL": replace(address, port=proxy.port).url,
            "WATCHGLASS_COLLECTOR__HTTP_PORT": str(http_port),
            "WATCHGLASS_COLLECTOR__GRPC_PORT": "0",
        }
        argv = [sys.executable, "-m", "watchglass_cli", "collect", "--data", str(tmp_path)]
        with subprocess.Popen(argv, env={**os.environ, **environment}) as collector:
            body = Body(seed=1, number=0, base_ns=time.time_ns())

            def is_acknowledged() -> bool:
                assert collector.poll() is None
                try:
                    url = f"http://127.0.0.1:{http_port}/v1/traces"
                    return httpx.post(url, content=body.serialized(), headers=PROTOBUF).status_code == 200
                except httpx.TransportError:
                    return False

            wait_until(is_acknowledged, "it acknowledges without a store")
            assert proxy.hits["down"] > 0
            proxy.mode = "pass"
            store = connect(store_config, tmp_path)

            def spans() -> int:
                try:
                    return int(store.query("SELECT count() AS n FROM llm_calls")[0]["n"])
                except StoreError:
                    return 0

            wait_until(lambda: spans() == len(body.spans()), "the tables are made and the spans are stored")
            store.close()
            collector.terminate()
            assert collector.wait(60) == 0
