"""Captured text on its way to a page."""

import pytest

from watchglass_dashboards.ui.text import clean, label, one_line, option


def test_clean_drops_what_deceives_the_eye_and_keeps_the_rest():
    assert clean("a\x00b\x1b[31mc\u202egnp.exe\u200b\ttab\nline é 你好 🎉") == "ab[31mcgnp.exe\ttab\nline é 你好 🎉"


def test_clean_says_what_it_cut():
    assert clean("x" * 30_000).endswith("… 10,000 more characters")
    assert len(clean("x" * 30_000)) < 20_050


def test_one_line_is_bounded():
    assert one_line("a\n\n b" + "c" * 500, 10) == "a bcccccc…"


@pytest.mark.parametrize(
    "text",
    [
        "![i](https://e.example/i.png)",
        "[a](javascript:x)",
        "<img src=x>",
        ":red[x]",
        ":material/home:",
        "$x$",
        "**b**",
        "`c`",
    ],
)
def test_label_leaves_no_markup(text):
    escaped = label(text)
    for sign in "![](<>:$*`":
        assert escaped.count(sign) == escaped.count("\\" + sign)


@pytest.mark.parametrize("text", ["https://evil.example", "ftp://evil.example", "www.evil.example", "me@evil.example"])
def test_label_breaks_links_that_need_no_markup(text):
    assert "\u2060" in label(text)


@pytest.mark.parametrize("name", ["gpt-4.1-mini", "qwen/qwen3-32b", "support bot", "llama3:8b", "my_app.v2"])
def test_an_ordinary_name_stays_readable_in_the_address(name):
    assert option(name) == name


@pytest.mark.parametrize(
    "name", ["www.evil.example", "a@b", "*x*", "_x_", "- x", "1. x", "a:b", "x" * 100, "", "https://x"]
)
def test_an_unusual_name_is_escaped(name):
    assert option(name) == label(name)
