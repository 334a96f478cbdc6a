"""The dashboard as an ASGI application; `watchglass_dashboards.launch.command` says how to run it."""

import os
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from watchglass_dashboards.launch import HOSTS_VARIABLE
from watchglass_dashboards.security import SecurityHeaders, policy, script_hashes

_INDEX = Path(st.__file__).parent / "static" / "index.html"

app = st.App(
    Path(__file__).parent / "app.py",
    middleware=[
        Middleware(
            TrustedHostMiddleware,
            allowed_hosts=os.environ[HOSTS_VARIABLE].split(","),
            www_redirect=False,
        ),
        Middleware(SecurityHeaders, policy=policy(script_hashes(_INDEX.read_text(encoding="utf-8")))),
    ],
)
