"""How the dashboard's process is started."""

import importlib.util
import os
import sys
from pathlib import Path

from watchglass_dashboards.installation import INSTALLATION_VARIABLE, Installation
from watchglass_dashboards.source import SOURCE_VARIABLE, Source
from watchglass_store import StoreConfig


class CannotStart(Exception):
    """Something that the settings ask for is missing. The message says what and how to get it."""


def command(installation: Installation, store_config: StoreConfig, data_dir: Path) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment of the dashboard's process.

    What the user's own Streamlit settings, `STREAMLIT_*` variables or working directory say cannot change it: the
    process gets a home of its own under the data directory, and `__main__` leaves the working directory.

    Args:
        installation: Where to listen, who may use it, where the collector is.
        store_config: Where the data is.
        data_dir: The data directory; holds the store's credentials.

    Raises:
        CannotStart: A package or a variable that the login needs is missing.
    """
    config = installation.config
    oidc = config.auth.oidc if config.auth.mode == "oidc" else None
    if oidc and importlib.util.find_spec("authlib") is None:
        raise CannotStart("dashboard.auth.mode = 'oidc' needs a package: pip install 'watchglass-server[oidc]'")
    for variable in (oidc.client_secret_env if oidc else "", config.collector_key_env):
        if variable and not os.environ.get(variable):
            raise CannotStart(f"the dashboard's settings name the environment variable {variable}, which is not set")
    source = Source(store_config, data_dir.resolve())
    source.home.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    environment |= {
        "HOME": str(source.home),
        "USERPROFILE": str(source.home),
        SOURCE_VARIABLE: source.to_json(),
        INSTALLATION_VARIABLE: installation.to_json(),
    }
    argv = [sys.executable, "-m", "watchglass_dashboards", "--server.address", config.host]
    argv += ["--server.port", str(config.port)]
    for host in config.allowed_hosts:
        argv += ["--server.allowedHosts", host.strip("[]")]
    return argv, environment
