"""The pages. A page is one file in `views/` with `page() -> None`, and one row here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, update_wrapper
from importlib import import_module

import streamlit as st

from watchglass_dashboards import access
from watchglass_dashboards.access import Actor
from watchglass_dashboards.config import Role


@dataclass(frozen=True, slots=True)
class PageInfo:
    """One row of the table."""

    target: str  # "module:function"
    title: str
    icon: str
    section: str  # heading in the sidebar
    subtitle: str = ""
    is_hidden: bool = False  # reached by links only; draws its own header
    has_filters: bool = True  # the filter row stands above it
    needs: Role = "viewer"  # who sees it


#: Address -> page; the first is the start page.
PAGES: dict[str, PageInfo] = {
    "overview": PageInfo(
        "watchglass_dashboards.views.overview:page",
        "Overview",
        ":material/dashboard:",
        "Monitor",
        "Traffic, latency, cost and quality of every deployed model",
    ),
    "traces": PageInfo(
        "watchglass_dashboards.views.traces:page",
        "Traces",
        ":material/account_tree:",
        "Monitor",
        "Every call, with its prompt and answer",
    ),
    "sessions": PageInfo(
        "watchglass_dashboards.views.sessions:page",
        "Sessions and users",
        ":material/forum:",
        "Monitor",
        "Who talks, in which conversations, and how those went",
    ),
    "cost": PageInfo(
        "watchglass_dashboards.views.cost:page",
        "Cost and usage",
        ":material/payments:",
        "Monitor",
        "What models cost, whose it is, and what this month will come to",
    ),
    "quality": PageInfo(
        "watchglass_dashboards.views.quality:page",
        "Quality",
        ":material/grade:",
        "Quality",
        "Every score with how sure it is, by time, value and slice, and the worst calls",
    ),
    "safety": PageInfo(
        "watchglass_dashboards.views.safety:page",
        "Safety",
        ":material/shield:",
        "Quality",
        "Toxicity, personal data, secrets, prompt injection and refusals: how many calls, of which kind, and which",
    ),
    "drift": PageInfo(
        "watchglass_dashboards.views.drift:page",
        "Drift",
        ":material/ssid_chart:",
        "Quality",
        "Whether prompts, answers and scores still come from where they came from, and what changed",
    ),
    "compare": PageInfo(
        "watchglass_dashboards.views.compare:page",
        "Compare",
        ":material/compare_arrows:",
        "Quality",
        "Two models, prompt versions, services, releases or times side by side, with 95 % intervals",
    ),
    "review": PageInfo(
        "watchglass_dashboards.views.review:page",
        "Review",
        ":material/rate_review:",
        "Quality",
        "One call after the other, one key a label; labels become human scores",
    ),
    "evaluators": PageInfo(
        "watchglass_dashboards.views.evaluators:page",
        "Evaluators",
        ":material/tune:",
        "Operate",
        "What runs on which calls, how far it is, what it cost and where it failed",
    ),
    "health": PageInfo(
        "watchglass_dashboards.views.health:page",
        "Health",
        ":material/monitor_heart:",
        "Operate",
        "Whether everything that was sent arrived, and what it takes on disk",
    ),
    "settings": PageInfo(
        "watchglass_dashboards.views.settings:page",
        "Settings",
        ":material/settings:",
        "Operate",
        "Channels, redaction, retention, keys, users, and who changed what",
        has_filters=False,
    ),
    "alerts": PageInfo(
        "watchglass_dashboards.views.alerts:page",
        "Alerts",
        ":material/notifications:",
        "Monitor",
        "Rules, what fires and why, who was told, and silences",
        has_filters=False,
    ),
    "trace": PageInfo(
        "watchglass_dashboards.views.trace:page", "Trace", ":material/timeline:", "", is_hidden=True, has_filters=False
    ),
}


def page(address: str) -> st.Page:
    """The Streamlit page at an address; its module is imported when it is opened."""
    info = PAGES[address]
    run = update_wrapper(partial(_run, info.target, info.needs), _run)
    return st.Page(
        run,
        title=info.title,
        icon=info.icon,
        url_path=address,
        default=address == next(iter(PAGES)),
        visibility="hidden" if info.is_hidden else "visible",
    )


def address_of(opened: st.Page) -> str:
    """The address of a page; Streamlit says '' for the start page."""
    return opened.url_path or next(iter(PAGES))


def by_section(viewer: Actor) -> dict[str, list[st.Page]]:
    """The pages that a viewer may see, as `st.navigation` takes them."""
    sections: dict[str, list[st.Page]] = {}
    for address, info in PAGES.items():
        if viewer.may(info.needs):
            sections.setdefault(info.section, []).append(page(address))
    return sections


def _run(target: str, needs: Role) -> None:
    access.require(needs)
    module, name = target.split(":")
    function: Callable[[], None] = getattr(import_module(module), name)
    function()
