"""A select box whose address names what somebody chose, even where that is what stands there by itself today."""

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from watchglass_dashboards.ui.text import option


def choice(
    title: str,
    names: Sequence[str],
    *,
    key: str,
    width: int,
    first: int = 0,
    label: Literal["visible", "collapsed"] = "visible",
) -> int:
    """Draw it.

    Streamlit leaves a default out of the address, and tomorrow another one may stand first. So nothing is the default
    here, and means what stands first.

    Args:
        title: Of the box.
        names: At least one, each as `option` gives it.
        key: Of the widget; its name in the address.
        width: Pixels.
        first: Place of what nothing means.
        label: Whether the title is seen.

    Returns:
        Place of what is chosen.
    """
    chosen = st.selectbox(
        title,
        names,
        index=None,
        key=key,
        bind="query-params",
        format_func=option,
        placeholder=names[first],
        label_visibility=label,
        width=width,
    )
    return names.index(chosen) if chosen in names else first
