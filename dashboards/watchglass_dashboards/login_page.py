"""The pages before the application: they need no script and load nothing but our own font and logo."""

from html import escape
from typing import Final

_STYLE: Final = """
@font-face { font-family: Inter; src: url(/app/static/inter-latin-wght-normal.woff2); font-weight: 100 900 }
:root { color-scheme: light dark; --text: #171a21; --muted: #475467; --back: #f5f6f8; --card: #fff; --line: #e4e7ec;
  --primary: #4f46e5; --on-primary: #fff; --bad: #b42318 }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ef; --muted: #b6bdc9; --back: #0b0e13; --card: #0f1218;
  --line: #262c38; --primary: #8b91ff; --on-primary: #0b0e13; --bad: #fda29b } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--back); color: var(--text);
  font: 15px/1.5 Inter, sans-serif }
main { width: min(360px, calc(100vw - 32px)); background: var(--card); border: 1px solid var(--line);
  border-radius: 12px; padding: 28px }
img { height: 30px; display: block; margin-bottom: 20px }
h1 { font-size: 18px; font-weight: 650; margin: 0 0 16px }
label { display: block; font-size: 13px; color: var(--muted); margin: 12px 0 4px }
input { width: 100%; padding: 9px 12px; font: inherit; color: inherit; background: var(--back);
  border: 1px solid var(--line); border-radius: 8px }
button { width: 100%; margin-top: 20px; padding: 10px; font: inherit; font-weight: 600; border: 0; border-radius: 8px;
  background: var(--primary); color: var(--on-primary); cursor: pointer }
:focus-visible { outline: 2px solid var(--primary); outline-offset: 2px }
p { margin: 0 0 4px; color: var(--muted) } p[role=alert] { color: var(--bad) }
"""


def login_page(target: str, problem: str = "") -> str:
    """The form.

    Args:
        target: Where to go afterwards, a path of ours.
        problem: Why the last try failed; text of ours.
    """
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    return _page(
        "Log in",
        f"""{alert}<form method="post" action="/login">
<input type="hidden" name="next" value="{escape(target)}">
<label for="name">Name</label><input id="name" name="name" autocomplete="username" autocapitalize="none" required
  autofocus>
<label for="password">Password</label><input id="password" name="password" type="password"
  autocomplete="current-password" required>
<button>Log in</button></form>""",
    )


def logout_page(user: str) -> str:
    """The question whether to end a login."""
    return _page(
        "Log out",
        f"<p>You are logged in as {escape(user)}.</p>"
        '<form method="post" action="/logout"><button>Log out</button></form>',
    )


def _page(title: str, content: str) -> str:
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title} · Watchglass</title>
<link rel="icon" href="/app/static/icon.svg"><style>{_STYLE}</style></head>
<body><main><img src="/app/static/icon.svg" alt="Watchglass"><h1>{title}</h1>{content}</main></body></html>"""
