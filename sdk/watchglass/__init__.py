"""Watchglass: see what a deployed LLM application says, and how well.

    import watchglass

    watchglass.init(service_name="shop-assistant")

Everything below is safe to call before ``init``, after ``shutdown``, with any value and from any thread: it then does
nothing, or as much as it can, and never raises into the application.
"""

from watchglass._internal.context import context
from watchglass._internal.lifecycle import flush, init, shutdown
from watchglass._internal.observe import observe
from watchglass._internal.scores import score
from watchglass._internal.spans import span

__all__ = ["context", "flush", "init", "observe", "score", "shutdown", "span"]
