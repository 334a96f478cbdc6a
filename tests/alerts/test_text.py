from watchglass_alerts.text import clean


def test_hidden_characters_go_and_line_breaks_become_spaces() -> None:
    assert clean("a\x00b\u202ec\u200bd\r\ne\tf\x1b[0m", 100) == "abcd  e f[0m"


def test_line_breaks_may_stay() -> None:
    assert clean("a\nb\x00", 100, lines=True) == "a\nb"


def test_long_text_is_cut_and_says_so() -> None:
    assert clean("x" * 100_000, 10) == "xxxxxxxxx…"


def test_text_without_tricks_is_unchanged() -> None:
    assert clean("Grüße, 世界 🔴 <b>&", 100) == "Grüße, 世界 🔴 <b>&"
