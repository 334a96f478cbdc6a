"""A rule as a sentence to fill in, what is wrong with it, and what it would have done last week."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from watchglass_dashboards import access, writing
from watchglass_dashboards.data import read
from watchglass_dashboards.rule_desk import RuleDesk
from watchglass_dashboards.ui import alert_form, alert_parts
from watchglass_dashboards.ui.alert_chart import has_values, preview_chart, preview_rows
from watchglass_dashboards.ui.alert_form import Form
from watchglass_dashboards.ui.alert_words import metric_key, sentence
from watchglass_dashboards.ui.filters import viewer_zone
from watchglass_dashboards.ui.format import clock
from watchglass_dashboards.ui.layout import card, nothing
from watchglass_dashboards.ui.palette import ink
from watchglass_dashboards.ui.text import label

_LOADED, _PREVIEW = "_rule_loaded", "_rule_preview"
_BASE: dict[str, Any] = {"interval": "1m"}
#: Field of a rule -> the row of the sentence that its mistakes are shown under.
_ROWS = {
    "metric": "what", "statistic": "what", "share_of": "what", "filters": "where", "group_by": "where",
    "window": "line", "interval": "line", "condition": "line", "for": "line", "name": "who", "channels": "who",
    "severity": "who",
}  # fmt: skip


def editor(desk: RuleDesk, rules: Sequence[Mapping[str, Any]], edited: str, channels: Sequence[str]) -> None:
    """Draw the editor.

    Args:
        desk: Knows rules.
        rules: Those in force, as `alerting.current_rules` gives them.
        edited: The name of one of them, or '' for a new one.
        channels: Names that can be told.
    """
    catalogue = {f"{row['metric']} {row['statistic']}".strip(): row for row in desk.catalogue()}
    units = {key: row["unit"] for key, row in catalogue.items()}
    base = next((json.loads(row["definition"]) for row in rules if row["name"] == edited), None)
    _load(edited, base, units)
    slots: dict[str, Any] = {}
    with card("Edit a rule" if base else "A new rule", "fill in the sentence"):
        row = alert_parts.what(catalogue)
        slots["what"] = st.container()
        alert_parts.where(row["fields"])
        slots["where"] = st.container()
        alert_parts.line(row, _key())
        slots["line"] = st.container()
        alert_parts.who(channels, is_named=base is not None)
        slots["who"] = st.container()
        with st.expander("More: how sure, when it is over, repetition, texts"):
            alert_parts.more(row)
            slots["more"] = st.container()
        form = _form()
        definition = alert_form.definition(form, row["unit"], base or _BASE)
        if not definition["name"]:
            definition["name"] = _suggested(definition, units)
        problems = list(desk.problems(definition))
        _show(problems, slots)
        st.markdown(f"**In words:** {label(sentence(definition, units), 400)}.")
        _buttons(desk, definition, base, [row["name"] for row in rules], is_valid=not problems)
    if not problems:
        _preview(desk, definition)


def _key() -> str:
    return str(st.session_state.ed_key)


def _load(edited: str, base: Mapping[str, Any] | None, units: Mapping[str, str]) -> None:
    """Put a rule's values into the widgets when it is opened; after that they are the viewer's."""
    if st.session_state.get(_LOADED) == (edited, base is not None) and "ed_key" in st.session_state:
        return
    form = Form()
    if base is not None:
        form = alert_form.form_of(base, units.get(metric_key(base["metric"], base.get("statistic", "")), ""))
    for item in fields(Form):
        value = getattr(form, item.name)
        st.session_state[f"ed_{item.name}"] = list(value) if isinstance(value, tuple) else value
    for field, values in form.filters.items():
        st.session_state[f"ed_filter_{field}"] = list(values)
    st.session_state[_LOADED] = (edited, base is not None)


def _form() -> Form:
    state = st.session_state
    default = Form()
    given = {item.name: state.get(f"ed_{item.name}", getattr(default, item.name)) for item in fields(Form)}
    filters = {
        str(key).removeprefix("ed_filter_"): tuple(values)
        for key, values in state.items()
        if str(key).startswith("ed_filter_") and values
    }
    allowed = state.get("_rule_fields", ())
    given["filters"] = {field: values for field, values in filters.items() if field in allowed}
    given["group_by"] = tuple(field for field in given["group_by"] if field in allowed)
    given["channels"] = tuple(given["channels"])
    for name in ("name", "summary", "runbook", "subject"):
        given[name] = str(given[name] or "").strip()
    return Form(**given)


def _suggested(definition: Mapping[str, Any], units: Mapping[str, str]) -> str:
    words = sentence({**definition, "filters": {}, "group_by": []}, units).removeprefix("the ")
    return words[:100].strip()


def _show(problems: Sequence[tuple[str, str]], slots: Mapping[str, Any]) -> None:
    """Each mistake under the row it was made in."""
    for field, text in problems:
        where = _ROWS.get(field, "more" if field else "line")
        slots[where].error(label(text, 300), icon=":material/edit_note:")


def _buttons(
    desk: RuleDesk, definition: dict[str, Any], base: Mapping[str, Any] | None, taken: Sequence[str], *, is_valid: bool
) -> None:
    is_clash = base is None and definition["name"] in taken
    if is_clash:
        st.warning("A rule of this name exists. Choose another name, or edit that rule.", icon=":material/edit_note:")
    may = access.may("editor")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        is_ready = is_valid and may and not is_clash
        if st.button("Save the rule", type="primary", key="ed_save", disabled=not is_ready, icon=":material/check:"):
            writing.change(
                "alert_rule.save",
                definition["name"],
                lambda store, author, now: desk.add_version(store, definition, author, now),
                before=base,
                after=definition,
            )
            leave()
            st.toast("Saved. It is in force within a second.", icon=":material/check:")
            st.rerun()
        st.button("Cancel", key="ed_cancel", on_click=leave)
        if not may:
            st.caption("Your role may look and try; saving needs the role editor.", width="content")
        elif not definition["channels"]:
            st.caption("No channel is chosen: it will be recorded and nobody told.", width="content")


def leave() -> None:
    """Back to the list."""
    for name in ("edit", "new"):
        st.query_params.pop(name, None)
    st.session_state.pop(_LOADED, None)


def _preview(desk: RuleDesk, definition: Mapping[str, Any]) -> None:
    found = _previewed(desk, definition)
    tz = viewer_zone()
    days = (found["until"] - found["since"]) / timedelta(days=1)
    span = f"{days:.0f} days" if days >= 2 else f"{days * 24:.1f} hours"
    fired = found["fired"]
    said = f"evaluated at {found['slots']:,} times in the last {span}"
    with card("What it would have done", said, rows=preview_rows(found), key="rule_preview"):
        times = "once" if fired == 1 else f"{fired:,} times"
        st.markdown(f"It **would have fired {times}** in the last {span}." if fired else
                    f"It **would not have fired** in the last {span}.")  # fmt: skip
        if not has_values(found):
            nothing("There is no value in this time: nothing matches, or there are fewer samples than it asks for.")
            return
        st.vega_lite_chart(preview_chart(found, ink()), key="ed_preview", width="stretch")
        st.caption("Red stretches: it fires. Dashed: the line. Bands: 95 % intervals, where they can be stated.")
        for turn in found["turns"][-6:]:
            labels = " ".join(f"{name}={value}" for name, value in turn["labels"].items())
            with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                is_fired = turn["kind"] == "fired"
                st.badge("fired" if is_fired else "resolved", color="red" if is_fired else "green")
                st.caption(f"{clock(turn['slot'], tz)} · {label(labels, 120)} {label(turn['reason'], 200)}")


def _previewed(desk: RuleDesk, definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """Asked again only when what decides changed: neither the name nor who is told does."""
    deciding = {key: value for key, value in definition.items() if key not in ("name", "channels", "annotations")}
    until = datetime.now(UTC).replace(second=0, microsecond=0)
    until -= timedelta(minutes=until.minute % 10)
    key = (json.dumps(deciding, sort_keys=True), until)
    kept: tuple[Any, Mapping[str, Any]] | None = st.session_state.get(_PREVIEW)
    if kept is None or kept[0] != key:
        with st.spinner("Trying it on the last seven days …"):
            kept = key, read(desk.preview, {**deciding, "name": "preview", "channels": []}, until)
        st.session_state[_PREVIEW] = kept
    return kept[1]
