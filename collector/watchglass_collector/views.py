"""Everything between the bytes of a segment and the tables that people read, created at the start."""

from typing import Final

from watchglass_collector import conventions
from watchglass_collector.durability import Durability, set_durability
from watchglass_collector.redaction import check, sql
from watchglass_collector.redaction_rules import RedactionConfig
from watchglass_collector.signals import SIGNALS
from watchglass_store import Store, replace_views

_REDACT_NOTHING: Final = RedactionConfig(rules=(), custom=(), before_spool=False)


def install_views(
    store: Store, durability: Durability = "power", redaction: RedactionConfig = _REDACT_NOTHING
) -> list[str]:
    """Create the inboxes and every view that leads from them to `llm_call_parts` and `scores`.

    Safe to call at each start: only what changed is created again. Returns the names of what was.

    Args:
        store: its tables exist.
        durability: `CollectorConfig.durability`; decides whether the tables behind the inboxes are synced.
        redaction: `CollectorConfig.redaction`; what is taken out of texts before a table sees them.

    Raises:
        ValueError: ClickHouse does not take a pattern of a redaction rule.
    """
    check(store, redaction)
    redact = sql(redaction)
    set_durability(store, durability)
    inboxes = [signal.inbox for signal in SIGNALS]
    tables = [(inbox.table, inbox.ddl) for inbox in inboxes]
    views = [(view.name, view.statement) for inbox in inboxes for view in inbox.views(redact)]
    return replace_views(store, [*tables, *views, *conventions.views()])
