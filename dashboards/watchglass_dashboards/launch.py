"""How the dashboard's process is started."""

import os
import sys
from pathlib import Path

from watchglass_dashboards.config import DashboardConfig
from watchglass_dashboards.source import SOURCE_VARIABLE, Source
from watchglass_store import StoreConfig

#: Comma-separated host names, for the HTTP side; Streamlit's own setting covers its websocket.
HOSTS_VARIABLE = "WATCHGLASS_DASHBOARD_HOSTS"


def command(config: DashboardConfig, store_config: StoreConfig, data_dir: Path) -> tuple[list[str], dict[str, str]]:
    """Arguments and environment of the dashboard's process.

    What the user's own Streamlit settings, `STREAMLIT_*` variables or working directory say cannot change it: the
    process gets a home of its own under the data directory, and `__main__` leaves the working directory.

    Args:
        config: Where to listen.
        store_config: Where the data is.
        data_dir: The data directory; holds the read-only user's credentials.
    """
    data_dir = data_dir.resolve()
    home = data_dir / "dashboard"
    home.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    environment |= {
        "HOME": str(home),
        "USERPROFILE": str(home),
        SOURCE_VARIABLE: Source(store_config, data_dir).to_json(),
        HOSTS_VARIABLE: ",".join(config.allowed_hosts),
    }
    argv = [sys.executable, "-m", "watchglass_dashboards", "--server.address", config.host]
    argv += ["--server.port", str(config.port)]
    for host in config.allowed_hosts:
        argv += ["--server.allowedHosts", host.strip("[]")]
    return argv, environment
