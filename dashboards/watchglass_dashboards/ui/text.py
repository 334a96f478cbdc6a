"""The only ways in which captured text reaches a page.

Everything an application sends (prompts, answers, model and service names, score labels, explanations) is written by
strangers. Streamlit renders every label as markdown and loads the images in it, so captured text is shown by
`untrusted` (a text or code element) or, where a label cannot be avoided, by `label`.
"""

import re

import streamlit as st

#: Longest text shown at once, in characters; a page stays fast with a prompt of any size.
TEXT_LIMIT = 20_000

_CONTROL = (
    {code: None for code in range(32) if code not in (9, 10)}
    | dict.fromkeys(range(127, 160))
    | dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF])
)
_WORD_JOINER = "\u2060"
_SCHEME = re.compile(r"(?i)(https?|ftp)://")
_WWW = re.compile(r"(?i)www\.")
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$@/&=^])")
_PLAIN = re.compile(r"(?:[A-Za-z0-9./ -]|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])|(?<=[A-Za-z0-9]):(?=\d))+")


def clean(text: object, limit: int = TEXT_LIMIT) -> str:
    """Text without control, zero-width and bidirectional-override characters, of bounded length.

    A cut text ends with a line that says how many characters are missing. The result is for elements that show
    text as text; a label needs `label`.
    """
    raw = str(text)
    kept = raw[:limit].translate(_CONTROL)
    return kept if len(raw) <= limit else f"{kept}\n… {len(raw) - limit:,} more characters"


def one_line(text: object, limit: int) -> str:
    """`clean` text on one line, cut with an ellipsis: for table cells and tree rows."""
    kept = " ".join(clean(str(text)[: limit * 4], limit * 4).split())
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def label(text: object, limit: int = 80) -> str:
    """Text that is safe inside a Streamlit label, caption, badge or metric, all of which are markdown.

    Backslashes alone do not stop GitHub-style autolinks: word joiners break those.
    """
    flat = one_line(text, limit)
    flat = _SCHEME.sub(lambda match: f"{match[1]}:{_WORD_JOINER}//", flat)
    flat = _WWW.sub(f"www{_WORD_JOINER}.", flat).replace("@", f"@{_WORD_JOINER}")
    return _MARKUP.sub(r"\\\1", flat)


def option(text: object) -> str:
    """A choice of a select box: the name itself where it cannot be markup, so that it reads well in the address.

    A bound widget writes this text into the URL; anything unusual is escaped by `label`.
    """
    raw = str(text)
    if (
        len(raw) <= 80
        and _PLAIN.fullmatch(raw)
        and "www." not in raw.lower()
        and not re.match(r"[ -]|\d+\.(\s|$)", raw)
    ):
        return raw
    return label(raw)


def untrusted(text: object, *, code: bool = False, limit: int = TEXT_LIMIT) -> None:
    """Show captured text as text.

    Args:
        text: What was captured.
        code: In the code font with a copy button, for arguments, results and raw values.
        limit: Characters shown; the rest is counted, not sent to the browser.
    """
    shown = clean(text, limit)
    if code:
        st.code(shown, language=None, wrap_lines=True)
    else:
        st.text(shown, width="stretch")
