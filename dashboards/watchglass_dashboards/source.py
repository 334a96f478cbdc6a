"""Where a dashboard reads, as the process that starts it tells the one that serves it.

Apart from `data`, so that starting a dashboard does not load Streamlit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from watchglass_store import StoreConfig

#: Carries `Source` from the process that starts the dashboard. It may hold a password: never an argument, never logged.
SOURCE_VARIABLE = "WATCHGLASS_DASHBOARD_SOURCE"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a dashboard reads."""

    store: StoreConfig
    data_dir: Path

    @property
    def home(self) -> Path:
        """The dashboard's own folder."""
        return self.data_dir / "dashboard"

    def to_json(self) -> str:
        """The text for `SOURCE_VARIABLE`."""
        return orjson.dumps({"store": self.store.model_dump(), "data_dir": str(self.data_dir)}).decode()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Source":
        """Read `SOURCE_VARIABLE`.

        Raises:
            KeyError: It is not set: the process was not started by `watchglass dashboard`.
        """
        parsed = orjson.loads(environment[SOURCE_VARIABLE])
        return cls(StoreConfig(**parsed["store"]), Path(parsed["data_dir"]))
