"""The `watchglass` command: wires the store, the collector, the evaluators, the alerts and the dashboard."""

__all__: list[str] = []
