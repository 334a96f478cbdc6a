"""What channels gave back for delivered notifications, so that later ones can join the same thread."""

from collections.abc import Mapping

from watchglass_store.client import Store


def latest_receipt(store: Store, *, rule: str, labels: Mapping[str, str], channel: str) -> str:
    """The receipt of an alert's latest delivery to a channel that gave one; '' where there is none."""
    found = store.query(
        "SELECT receipt FROM alert_events WHERE kind = 'delivery' AND rule = {rule:String} "
        "AND labels = {labels:Map(String, String)} AND channel = {channel:String} AND receipt != '' "
        "ORDER BY time DESC LIMIT 1",
        {"rule": rule, "labels": dict(labels), "channel": channel},
    )
    return str(found[0]["receipt"]) if found else ""
