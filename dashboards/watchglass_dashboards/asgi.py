"""The dashboard as an ASGI application; `watchglass_dashboards.launch.command` says how to run it."""

import os
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Route

from watchglass_dashboards.config import DashboardConfig
from watchglass_dashboards.installation import Installation
from watchglass_dashboards.login import Login, LoginWall
from watchglass_dashboards.security import SecurityHeaders, policy, script_hashes
from watchglass_dashboards.sessions import load_key
from watchglass_dashboards.source import Source

_INDEX = Path(st.__file__).parent / "static" / "index.html"


def _routes(config: DashboardConfig, source: Source) -> list[Route]:
    return Login(config, source, load_key(source.home)).routes() if config.auth.mode == "password" else []


def _middleware(config: DashboardConfig, source: Source) -> list[Middleware]:
    """Hosts and headers first, then the login, then Streamlit."""
    hashes = script_hashes(_INDEX.read_text(encoding="utf-8"))
    found = [
        Middleware(TrustedHostMiddleware, allowed_hosts=list(config.allowed_hosts), www_redirect=False),
        Middleware(SecurityHeaders, policy=policy(hashes)),
    ]
    if config.auth.mode == "password":
        found.append(Middleware(LoginWall, key=load_key(source.home)))
    return found


def _secrets(config: DashboardConfig, source: Source) -> dict[str, Any]:
    return {"auth": _provider(config, load_key(source.home))} if config.auth.mode == "oidc" else {}


def _provider(config: DashboardConfig, key: bytes) -> dict[str, Any]:
    """What `st.login` wants to know."""
    oidc = config.auth.oidc
    assert oidc is not None  # the settings say so
    return {
        "redirect_uri": f"{config.public_url}/oauth2callback",
        "cookie_secret": key.hex(),
        "client_id": oidc.client_id,
        "client_secret": os.environ[oidc.client_secret_env],
        "server_metadata_url": oidc.metadata_url,
        "client_kwargs": {"scope": "openid profile email", "prompt": "select_account"},
    }


_config = Installation.from_environment(os.environ).config
_source = Source.from_environment(os.environ)
# `streamlit run` looks for these very words in the text of this file; without them it would run it as a page.
app = st.App(
    Path(__file__).parent / "app.py",
    routes=_routes(_config, _source),
    middleware=_middleware(_config, _source),
    secrets=_secrets(_config, _source),
)
