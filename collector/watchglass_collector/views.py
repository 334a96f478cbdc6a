"""Everything between the bytes of a segment and the tables that people read, created at the start."""

from watchglass_collector import conventions
from watchglass_collector.durability import Durability, set_durability
from watchglass_collector.inbox import Redact, keep
from watchglass_collector.signals import SIGNALS
from watchglass_store import Store, replace_views


def install_views(store: Store, durability: Durability = "power", redact: Redact = keep) -> list[str]:
    """Create the inboxes and every view that leads from them to `llm_call_parts` and `scores`.

    Safe to call at each start: only what changed is created again. Returns the names of what was.

    Args:
        store: its tables exist.
        durability: `CollectorConfig.durability`; decides whether the tables behind the inboxes are synced.
        redact: `CollectorConfig.redaction.sql`; what is taken out of texts before a table sees them.
    """
    set_durability(store, durability)
    inboxes = [signal.inbox for signal in SIGNALS]
    tables = [(inbox.table, inbox.ddl) for inbox in inboxes]
    views = [(view.name, view.statement) for inbox in inboxes for view in inbox.views(redact)]
    return replace_views(store, [*tables, *views, *conventions.views()])
