"""No captured text reaches an element that renders markdown: checked in the source of every page."""

import ast
from pathlib import Path

import pytest

import watchglass_dashboards

SOURCE = Path(watchglass_dashboards.__file__).parent
FILES = [path for path in sorted(SOURCE.rglob("*.py")) if "views" in path.parts or "ui" in path.parts]
#: These render markup, load what it names, or run it; nothing of ours needs them.
FORBIDDEN = {
    "write",
    "write_stream",
    "html",
    "table",
    "image",
    "latex",
    "exception",
    "help",
    "link_button",
    "video",
    "audio",
}
FORBIDDEN_COLUMNS = {"MarkdownColumn", "ImageColumn", "ButtonColumn"}
#: These render their texts as markdown.
MARKDOWN = {
    "markdown", "caption", "title", "header", "subheader", "metric", "button", "badge", "error", "warning", "info",
    "success", "toast", "expander", "page_link", "tabs", "kpi", "card", "nothing", "checkbox", "toggle", "radio",
    "spinner", "progress", "popover", "menu_button", "dialog",
}  # fmt: skip
#: Arguments of those that are no text.
NO_TEXT = {
    "icon", "icon_position", "key", "width", "color", "delta_color", "chart_data", "chart_type", "query_params",
    "anchor", "on_click", "on_change", "args", "value", "disabled", "shortcut", "max_chars", "gap", "change", "better",
    "trend", "position", "type", "rows", "horizontal",
}  # fmt: skip
#: What may be put into them: text of ours, numbers, and captured text that went through `label`.
SAFE_CALLS = {
    "label", "count", "percent", "percent_range", "seconds", "seconds_range", "whole", "usd", "score", "change",
    "clock", "zone_name", "len", "detail", "verdict_line", "change_line", "moment", "_limit_said", "title_of",
    "_evidence", "_to_come", "size", "fresh_line", "page", "sum", "min", "max",
}  # fmt: skip
#: Functions whose own arguments are such texts already; their callers are checked.
FURNITURE = {"layout.py"}


def _name(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _assigned(tree: ast.AST) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
        elif isinstance(node, ast.For) and _is_literal(node.iter):
            names = [name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)]
            found |= {name: [ast.Constant("")] for name in names}
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found.setdefault(node.target.id, []).append(node.value)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.attr in ("append", "extend")
        ):
            found.setdefault(node.func.value.id, []).extend(node.args)
    return found


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


class Judge:
    """Decides whether an expression can only give text of ours."""

    def __init__(self, function: ast.AST) -> None:
        self._assigned = _assigned(function)
        self._looked_at: set[str] = set()

    def is_safe(self, node: ast.expr) -> bool:
        match node:
            case ast.Constant():
                return True
            case ast.JoinedStr(values=values):
                return all(
                    self.is_safe(part.value if isinstance(part, ast.FormattedValue) else part) or _is_number(part)
                    for part in values
                )
            case ast.Call(func=ast.Attribute(attr="join"), args=[parts]):
                return self.is_safe(parts)
            case ast.Call(func=ast.Attribute(attr="replace" | "removesuffix", value=text)):
                return self.is_safe(text)
            case ast.Call():
                return _name(node) in SAFE_CALLS
            case ast.IfExp(body=body, orelse=orelse):
                return self.is_safe(body) and self.is_safe(orelse)
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return all(self.is_safe(part) for part in parts)
            case ast.Starred(value=value):
                return self.is_safe(value)
            case ast.GeneratorExp(elt=element) | ast.ListComp(elt=element):
                return self.is_safe(element)
            case ast.BinOp(left=left, right=right):
                return self.is_safe(left) and self.is_safe(right)
            case ast.Attribute(attr="noun"):  # of a Selection: chosen among constants
                return True
            case ast.Subscript(value=ast.Name(id=name)):
                return name.isupper()
            case ast.Name(id=name):
                if name.isupper() or name in self._looked_at:
                    return True
                self._looked_at.add(name)
                return name in self._assigned and all(self.is_safe(value) for value in self._assigned[name])
            case _:
                return False


def _is_number(part: ast.expr) -> bool:
    """A number format such as `{n:,}` raises on text, so that nothing else gets through it."""
    if not isinstance(part, ast.FormattedValue) or not isinstance(part.format_spec, ast.JoinedStr):
        return False
    return all(
        isinstance(v, ast.Constant) and str(v.value)[-1:] in (",", "d", "f", "%") for v in part.format_spec.values
    )


def offences(source: str) -> list[str]:
    tree = ast.parse(source)
    found = []
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for function in functions:
        judge = Judge(function)
        for node in ast.walk(function):
            if not isinstance(node, ast.Call):
                continue
            name = _name(node)
            if isinstance(node.func, ast.Attribute) and name in FORBIDDEN | FORBIDDEN_COLUMNS:
                found.append(f"{node.lineno}: {name}")
            if any(keyword.arg == "unsafe_allow_html" for keyword in node.keywords):
                found.append(f"{node.lineno}: unsafe_allow_html")
            if name in MARKDOWN:
                texts = [arg for arg in node.args if not (name == "page_link" and arg is node.args[0])]
                texts = texts[:2] if name == "metric" else texts[:3] if name == "kpi" else texts
                texts += [keyword.value for keyword in node.keywords if keyword.arg not in NO_TEXT]
                found += [f"{node.lineno}: {name}({ast.unparse(text)})" for text in texts if not judge.is_safe(text)]
            if name in ("selectbox", "multiselect", "pills", "radio", "segmented_control"):
                found += _choices(node, judge)
    return found


def _choices(node: ast.Call, judge: Judge) -> list[str]:
    formatted = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}.get("format_func")
    options = ast.unparse(node.args[1])
    is_ours = judge.is_safe(node.args[1]) or options.startswith("list(_")
    return (
        []
        if formatted in ("option", "label", "in_words", "in_words_or_never") or is_ours
        else [f"{node.lineno}: options {options}"]
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_captured_text_reaches_no_markdown(path):
    if path.name not in FURNITURE:
        assert offences(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line",
    [
        "st.markdown(row['name'])",
        "st.caption(f'by {row.user}')",
        "st.write('x')",
        "st.badge(model)",
        "st.button('x', help=row['why'])",
        "st.markdown('x', unsafe_allow_html=True)",
        "st.selectbox('Model', models)",
        "st.metric(f'{name}', 1)",
        "text = row['x']; st.error(text)",
        "config.MarkdownColumn('x')",
        "card('Title', row['x'])",
        "parts = ['x']; parts.append(row['x']); st.caption(' '.join(parts))",
    ],
)
def test_the_check_finds_what_it_is_for(line):
    body = "\n    ".join(line.split("; "))
    assert offences(f"def page():\n    {body}\n")


def test_furniture_shows_what_it_is_given_and_nothing_it_read():
    found = offences((SOURCE / "ui" / "layout.py").read_text(encoding="utf-8"))
    own = {
        "f'**{reason}** Load the page again to log in.'",
        "f'**{reason}** An administrator can change it.'",
        "f'**{reason}** Nothing was changed.'",
        "title",
        "subtitle",
        "f'**{title}**'",
        "value",
        "detail",
        "text",
        "change",
    }
    assert not [offence for offence in found if offence.split("(", 1)[-1].rstrip(")") not in own]
