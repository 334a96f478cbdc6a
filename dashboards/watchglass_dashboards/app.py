"""What every page shares; Streamlit runs this file on each visit."""

from pathlib import Path

import streamlit as st

from watchglass_dashboards import pages
from watchglass_dashboards.ui.filters import filters
from watchglass_dashboards.ui.layout import guarded, header
from watchglass_dashboards.ui.shortcuts import shortcuts
from watchglass_dashboards.ui.who import who

STATIC = Path(__file__).parent / "static"

st.set_page_config(page_title="Watchglass", page_icon=str(STATIC / "icon.svg"), layout="wide")
st.logo(str(STATIC / "logo.svg"), size="large", icon_image=str(STATIC / "icon.svg"))
st.html(STATIC / "app.css")
if st.context.theme.type == "dark":
    st.html(STATIC / "dark.css")
with guarded():
    viewer = who()
    page = st.navigation(pages.by_section(viewer), position="sidebar", expanded=True)
    info = pages.PAGES[pages.address_of(page)]
    # Drawn here and not by the pages: a widget of one page would forget its value on another.
    if not info.is_hidden:
        header(info.title, info.subtitle)
    if info.has_filters:
        filters()
    shortcuts()
    page.run()
