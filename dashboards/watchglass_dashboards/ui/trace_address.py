"""The address of a trace: ids are made by clients, so the project whose API key it came with is part of it."""

from urllib.parse import urlencode


def trace_query(trace_id: str, span_id: str = "", project: str = "") -> dict[str, str]:
    """Query parameters of the Trace page; what is '' is left out, and the trace id stays.

    Args:
        trace_id: Of the trace.
        span_id: The span that is selected at first.
        project: Of the API key; '' = none.
    """
    optional = {"span": span_id, "project": project}
    return {"id": trace_id} | {name: value for name, value in optional.items() if value}


def trace_address(trace_id: str, span_id: str = "", project: str = "") -> str:
    """The same as an address that is relative to any page."""
    return f"trace?{urlencode(trace_query(trace_id, span_id, project))}"
