"""A message as the two bodies of a mail: plain text, and HTML that loads nothing from anywhere.

The HTML is tables and inline styles, which is what mail programs understand; the chart is a picture inside the mail.
"""

from __future__ import annotations

from html import escape

from watchglass_alerts.chart import HEIGHT, WIDTH
from watchglass_alerts.message import Kind, Message
from watchglass_alerts.text import clean

MAX_CHARACTERS = 100_000
"""Of the plain-text body."""
CHART_ID = "chart@watchglass"

_ACCENTS = {
    Kind.FIRING: "#b42318",
    Kind.RESOLVED: "#067647",
    Kind.NO_DATA: "#475467",
    Kind.ERROR: "#b54708",
    Kind.TEST: "#175cd3",
}
_BREAK = "word-break:break-word;overflow-wrap:anywhere"
_MUTED = "color:#667085"
_FONT = "font-family:-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"


def render_text(message: Message) -> str:
    """The plain-text body."""
    facts = (*message.facts, *message.where)
    width = max((len(name) for name, _ in facts), default=0)
    chart = message.chart
    parts = [
        f"{message.title}\n\n{message.headline}\n{message.reason}",
        f"{chart.sparkline}\n{chart.caption}" if chart else "",
        "\n".join(f"{name:<{width}}  {value}" for name, value in facts),
        *(f"{name}: {text}" for name, text in message.notes),
        "\n".join(_example_lines(message)),
        "\n".join(f"{name}: {url}" for name, url in message.links),
        f"To silence this alert for two hours:\n    {message.silence}" if message.silence else "",
        f"Notification {message.id}",
    ]
    return clean("\n\n".join(part for part in parts if part), MAX_CHARACTERS, lines=True) + "\n"


def _example_lines(message: Message) -> list[str]:
    lines = ["Worst calls:"] if message.examples else []
    for rank, (title, url, text) in enumerate(message.examples, 1):
        lines.append(f"  {rank}. {title}")
        lines += [f"     {part}" for part in (text, url) if part]
    return lines


def render_html(message: Message) -> str:
    """The HTML body; every value is escaped."""
    accent = _ACCENTS[message.kind]
    parts = [
        f'<p style="margin:0 0 4px;font-size:20px;font-weight:600;line-height:1.3;color:{accent}">'
        f"{_show(message.title)}</p>",
        f'<p style="margin:0;font-size:15px;line-height:1.5"><b>{_show(message.headline)}</b></p>',
        f'<p style="margin:0 0 16px;{_MUTED}">{_show(message.reason)}</p>',
        _chart(message),
        _table((*message.facts, *message.where)),
        *(f'<p style="margin:0 0 12px"><b>{_show(name)}</b><br>{_show(text)}</p>' for name, text in message.notes),
        _examples(message),
        _links(message, accent),
        _footer(message),
    ]
    return (
        '<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<meta name="color-scheme" content="light"></head>'
        f'<body style="margin:0;padding:0;background:#f2f4f7;{_FONT};font-size:14px;line-height:1.5;color:#101828">'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" '
        'style="padding:16px 8px"><table role="presentation" width="100%" cellpadding="0" cellspacing="0" '
        f'style="max-width:600px;background:#ffffff;border:1px solid #eaecf0;border-top:4px solid {accent}">'
        f'<tr><td style="padding:20px 24px;text-align:left;{_BREAK}">{"".join(parts)}</td></tr></table>'
        "</td></tr></table></body></html>\n"
    )


def _show(text: str) -> str:
    return escape(clean(text, 3000, lines=True))


def _chart(message: Message) -> str:
    if message.chart is None:
        return ""
    return (
        f'<img src="cid:{CHART_ID}" width="{WIDTH}" height="{HEIGHT}" alt="{_show(message.chart.sparkline)}" '
        f'style="display:block;width:100%;max-width:{WIDTH}px;height:auto;border:0;border-bottom:1px solid #d0d5dd">'
        f'<p style="margin:4px 0 16px;font-size:12px;{_MUTED}">{_show(message.chart.caption)}</p>'
    )


def _table(facts: tuple[tuple[str, str], ...]) -> str:
    rows = "".join(
        f'<tr><td valign="top" width="104" style="padding:3px 12px 3px 0;{_MUTED}">{_show(name)}</td>'
        f'<td valign="top" style="padding:3px 0">{_show(value)}</td></tr>'
        for name, value in facts
    )
    return f'<table width="100%" cellpadding="0" cellspacing="0" style="margin:0 0 16px;font-size:14px">{rows}</table>'


def _examples(message: Message) -> str:
    items = []
    for title, url, text in message.examples:
        shown = f'<a href="{escape(url)}" style="color:#175cd3">{_show(title)}</a>' if url else _show(title)
        more = f'<br><span style="{_MUTED}">{_show(text)}</span>' if text else ""
        items.append(f'<li style="margin:0 0 4px">{shown}{more}</li>')
    if not items:
        return ""
    heading = '<p style="margin:0"><b>Worst calls</b></p>'
    return f'{heading}<ol style="margin:4px 0 16px;padding-left:20px">{"".join(items)}</ol>'


def _links(message: Message, accent: str) -> str:
    styles = (f"background:{accent};color:#ffffff", "background:#ffffff;color:#344054")
    buttons = "".join(
        f'<a href="{escape(url)}" style="display:inline-block;margin:0 8px 8px 0;padding:7px 14px;text-decoration:none;'
        f'border:1px solid #d0d5dd;border-radius:6px;{styles[min(index, 1)]}">{_show(name)}</a>'
        for index, (name, url) in enumerate(message.links)
    )
    return f'<p style="margin:0 0 8px">{buttons}</p>' if buttons else ""


def _footer(message: Message) -> str:
    silence = f'<code style="color:#344054">{_show(message.silence)}</code><br>'
    how = f"To silence this alert for two hours:<br>{silence}" if message.silence else ""
    return (
        f'<p style="margin:8px 0 0;padding-top:12px;border-top:1px solid #eaecf0;font-size:12px;{_MUTED}">'
        f"{how}Notification {_show(message.id)}</p>"
    )
