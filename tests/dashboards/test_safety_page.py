"""The Safety page: shares of flagged calls, and the calls."""

from datetime import timedelta


def test_safety_shows_shares_with_their_sample(view, seeded):
    page = view("safety", range="24h")
    assert not page.exception, page.exception[0].message
    assert not page.error
    since = seeded.seed.now - timedelta(hours=24)
    refused = [row["value"] for row in seeded.seed.scores if row["name"] == "refusal" and row["call_time"] >= since]
    shown = {metric.label: metric.value for metric in page.metric}
    assert shown["refusal"] == f"{100 * sum(refused) / len(refused):.2f}%"
    assert shown["profanity"] == "0.00%"
    said = "\n".join(caption.value for caption in page.caption)
    assert f"{sum(refused):.0f} of {len(refused):,}" in said
    table = page.dataframe[0].value
    assert len(table) == min(50, sum(refused))
    assert list(table["found"].iloc[0]) == ["refusal"]


def test_safety_without_checks_says_so(view):
    page = view("safety", range="24h", service="quiet-service")
    assert not page.exception
    assert page.info


def test_hostile_labels_stay_text(view, hostile):
    page = view("safety", range="24h", source=hostile.reader)
    assert not page.exception
