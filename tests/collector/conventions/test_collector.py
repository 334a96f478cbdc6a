"""The real way in: what the collector makes of a request is what the official exporter's rows give."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from watchglass_collector import Collector, CollectorConfig, install_views
from watchglass_store import Store

COMPARED = "SELECT * EXCEPT (received_at, input_messages, output_messages, system_instructions, tool_definitions, "
COMPARED += "retrieval_documents, tool_call_arguments, tool_call_result) FROM llm_calls ORDER BY trace_id, span_id"


def test_the_collector_and_the_official_exporter_agree_about_every_client(
    expected: dict[str, Any],
    corpus: Callable[..., list[Any]],
    export: Callable[[Sequence[Any]], None],
    converted: Store,
    free_ports: Callable[[], int],
    tmp_path: Path,
) -> None:
    payloads = [payload for client in expected for payload in corpus(client, "http-proto")]
    export(payloads)
    exported = converted.query(COMPARED)
    for table in ("otel_traces", "otel_logs", "llm_call_parts"):
        converted.command(f"TRUNCATE TABLE {table}")
    install_views(converted)
    collector = Collector(
        CollectorConfig(http_port=free_ports(), grpc_port=free_ports(), assembly=False), converted, tmp_path
    )
    collector.start()
    with httpx.Client(base_url=collector.http_url, trust_env=False) as client:
        for payload in payloads:
            headers = {"content-type": payload.content_type}
            sent = client.post(f"/v1/{payload.signal}", content=payload.body, headers=headers)
            assert sent.status_code == 200, sent.text
    collector.stop()
    assert len(exported) > 10 * len(expected)
    assert converted.query(COMPARED) == exported
