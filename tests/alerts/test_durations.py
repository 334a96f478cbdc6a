import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchglass_alerts.durations import format_duration, parse_duration


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("5m", 300), ("1h30m", 5400), ("7d", 604_800), ("0s", 0)])
def test_reads_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("value", ["5", 5, 0.5, "", "5 m", "-5m", "1ms", "5M", None, True, "٥m", "m5"])
def test_refuses_what_has_no_unit_or_another_form(value: object) -> None:
    with pytest.raises(ValueError, match="with its unit"):
        parse_duration(value)


@given(st.integers(0, 10**8))
def test_writes_what_it_reads(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds
