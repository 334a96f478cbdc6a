"""The filter row, the same on every page and kept in the address, so that a link shows what its sender saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import streamlit as st

from watchglass_dashboards.data import read_seldom
from watchglass_dashboards.ui.format import clock, zone
from watchglass_dashboards.ui.text import option
from watchglass_store.queries import pages as queries
from watchglass_store.queries.pages import Scope

_RANGES = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
_BUCKETS_S = (60, 300, 900, 3600, 7200, 21600, 86400)
_MOST_BUCKETS = 130
_LONGEST = timedelta(days=400)

_COLUMNS = {"service": "service_name", "env": "environment", "prompt": "prompt_version", "model": "model"}
_SELECTION, _ADDRESS = "_selection", "_address"

_CHAT = ("chat", "text_completion", "generate_content")
_OPERATIONS: dict[str, tuple[str, ...]] = {
    "Model calls": _CHAT,
    "Embeddings": ("embeddings",),
    "Retrieval": ("retrieval",),
    "Tools": ("execute_tool",),
    "Agents and chains": ("invoke_agent", "invoke_workflow", "chain"),
    "All operations": (),
}


@dataclass(frozen=True, slots=True)
class Selection:
    """What the viewer chose; `scope` turns it into times."""

    range: str
    between: tuple[datetime, datetime] | None  # an absolute range wins over `range`
    service: str
    environment: str
    models: tuple[str, ...]
    kind: str
    prompt_version: str = ""

    def scope(self, now: datetime) -> Scope:
        """The calls chosen. Times are whole minutes, as the rollup's are, so that answers can be cached.

        The minute that is running belongs to the range.
        """
        if self.between:
            start, end = self.between
        else:
            end = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
            start = end - _RANGES[self.range]
        return Scope(
            start, end, self.service, self.environment, self.models, _OPERATIONS[self.kind], self.prompt_version
        )

    @property
    def bucket_s(self) -> int:
        """Seconds a point of a chart stands for."""
        length = self.between[1] - self.between[0] if self.between else _RANGES[self.range]
        fitting = (size for size in _BUCKETS_S if length / timedelta(seconds=size) <= _MOST_BUCKETS)
        return next(fitting, _BUCKETS_S[-1])

    @property
    def noun(self) -> str:
        """What is counted, in the plural."""
        return "operations" if self.kind == "All operations" else self.kind.lower()


def parse_between(start: str, end: str) -> tuple[datetime, datetime] | None:
    """An absolute range from the address (ISO 8601 with zone); None where it is missing or makes no sense."""
    try:
        first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
        if first.tzinfo is None or last.tzinfo is None:
            return None
        first, last = first.astimezone(UTC), last.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return (first, last) if timedelta(0) < last - first <= _LONGEST else None


def viewer_zone() -> tzinfo:
    """The time zone of the viewer's browser."""
    return zone(st.context.timezone)


def filters() -> None:
    """Draw the filter row; `selection` says what is chosen."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="filters"):
        between = _between()
        # Behind an absolute range it is drawn all the same, and not seen: a widget that is gone would come back with
        # the range that the address had at first, whatever was chosen since.
        with st.container(width="content", key="range_behind" if between else "range_shown"):
            chosen = _range()
        service = _choice("Service", "service", "All services", 150)
        environment = _choice("Environment", "env", "All environments", 160)
        models = st.multiselect(
            "Models",
            _options("model"),
            key="model",
            bind="query-params",
            format_func=option,
            placeholder="All models",
            label_visibility="collapsed",
            width=165,
        )
        version = _choice("Prompt version", "prompt", "All prompts", 130)
        kind = st.selectbox(
            "Kind of operation",
            list(_OPERATIONS),
            key="kind",
            bind="query-params",
            label_visibility="collapsed",
            width=150,
        )
    st.session_state[_SELECTION] = Selection(
        chosen, between, service or "", environment or "", tuple(models), kind, version or ""
    )
    st.session_state[_ADDRESS] = address()


def selection() -> Selection:
    """What is chosen in the filter row of this page."""
    chosen: Selection = st.session_state[_SELECTION]
    return chosen


def address() -> dict[str, list[str]]:
    """The query of this page as links take it; a name may stand in it several times, as `model` does."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def last_address() -> dict[str, list[str]]:
    """The query of the last page with filters, for a link back to it."""
    found: dict[str, list[str]] = st.session_state.get(_ADDRESS, {})
    return found


def restore(asked: Mapping[str, Sequence[str]]) -> None:
    """Choose what an address says, before the filter row is drawn; what it does not name gets its default.

    Args:
        asked: The address's query, name -> values.
    """
    state = st.session_state
    for name, known, default in (("range", _RANGES, "1h"), ("kind", _OPERATIONS, "Model calls")):
        state[name] = next((value for value in asked.get(name, ()) if value in known), default)
    for name in _COLUMNS:
        names = {option(choice): choice for choice in _known(name)}
        values = [names[value] for value in asked.get(name, ()) if value in names]
        state[name] = values if name == "model" else next(iter(values), None)
    _forget_between()
    st.query_params.update({name: asked[name] for name in ("from", "to") if name in asked})


def _range() -> str:
    return st.segmented_control(
        "Time range",
        list(_RANGES),
        default="1h",
        required=True,
        key="range",
        bind="query-params",
        label_visibility="collapsed",
        wrap=False,
    )


def _between() -> tuple[datetime, datetime] | None:
    between = parse_between(st.query_params.get("from", ""), st.query_params.get("to", ""))
    if between:
        tz = viewer_zone()
        text = f"{clock(between[0], tz)} – {clock(between[1], tz, date=between[0].date() != between[1].date())}"
        st.button(text, icon=":material/close:", icon_position="right", key="unzoom", on_click=_forget_between)
        _link_to_calls()
    return between


def _link_to_calls() -> None:
    """From a zoomed chart to what it is made of."""
    from watchglass_dashboards import pages  # which knows the pages, which know the filters

    st.page_link(pages.page("traces"), label="Show these calls", icon=":material/search:", query_params=address())


def _forget_between() -> None:
    for name in ("from", "to"):
        st.query_params.pop(name, None)


def _known(key: str) -> list[str]:
    since = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=30)
    return read_seldom(queries.choices, since)[_COLUMNS[key]]


def _options(key: str) -> list[str]:
    known = _known(key)
    asked = st.query_params.get_all(key)
    shown = {option(choice) for choice in known}
    return known + [name for name in asked if name not in shown and len(name) <= 200 and option(name) == name]


def _choice(title: str, key: str, everything: str, width: int) -> str | None:
    return st.selectbox(
        title,
        _options(key),
        index=None,
        key=key,
        bind="query-params",
        format_func=option,
        placeholder=everything,
        label_visibility="collapsed",
        width=width,
    )
