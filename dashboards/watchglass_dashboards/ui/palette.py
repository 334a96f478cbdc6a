"""Colours of charts by theme. The colour-blind can tell the categorical ones apart; red means bad."""

from dataclasses import dataclass

import streamlit as st


@dataclass(frozen=True, slots=True)
class Ink:
    """What each colour means."""

    primary: str
    second: str
    third: str
    error: str
    warn: str
    muted: str
    label: str
    grid: str


LIGHT = Ink(
    primary="#4F46E5",
    second="#0E9384",
    third="#F79009",
    error="#D92D20",
    warn="#DC6803",
    muted="#667085",
    label="#475467",
    grid="#EEF0F3",
)
DARK = Ink(
    primary="#8B91FF",
    second="#2ED3B7",
    third="#FDB022",
    error="#F97066",
    warn="#FDB022",
    muted="#98A2B3",
    label="#B6BDC9",
    grid="#1F2530",
)


_LIGHT_CATEGORIES = ("#4F46E5", "#0E9384", "#F79009", "#E31B54", "#2E90FA", "#9E77ED", "#66C61C", "#98A2B3")
_DARK_CATEGORIES = ("#8B91FF", "#2ED3B7", "#FDB022", "#FD6F8E", "#53B1FD", "#BDB4FE", "#85E13A", "#98A2B3")


def categories(number: int) -> list[str]:
    """Colours for so many names; the eighth, grey, is for what is left, and for all beyond."""
    colours = _DARK_CATEGORIES if st.context.theme.type == "dark" else _LIGHT_CATEGORIES
    return [colours[min(at, len(colours) - 1)] for at in range(number)]


def ink() -> Ink:
    """The colours of the viewer's theme."""
    return DARK if st.context.theme.type == "dark" else LIGHT
