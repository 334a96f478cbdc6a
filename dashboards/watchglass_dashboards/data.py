"""Reading the store for a page: the read-only user, one cache, two designed failures."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import orjson
import streamlit as st

from watchglass_store import Store, StoreConfig, connect

#: Carries `Source` from the process that starts the dashboard. It may hold a password: never an argument, never logged.
SOURCE_VARIABLE = "WATCHGLASS_DASHBOARD_SOURCE"
#: How old a number on a page may be, seconds; each page says when its data ends.
CACHE_S = 10

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a dashboard reads."""

    store: StoreConfig
    data_dir: Path

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


def read(query: Callable[Concatenate[Store, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Answer of a query function of `watchglass_store.queries`, at most `CACHE_S` old.

    The cache is shared by all viewers, so its key holds the whole source (server, database, user) with the arguments.

    Raises:
        StoreUnavailable: The store does not answer; try again.
        StoreRejected: The query will always fail, e.g. it reads more than a page may.
    """
    source = os.environ[SOURCE_VARIABLE]
    key = f"{source} {query.__module__}.{query.__qualname__} {args!r} {sorted(kwargs.items())!r}"
    answer: R = _cached(key, source, lambda store: query(store, *args, **kwargs))
    return answer


@st.cache_data(ttl=CACHE_S, max_entries=500, show_spinner=False)
def _cached(key: str, source: str, _ask: Callable[[Store], Any]) -> Any:
    return _ask(_store(source))


@st.cache_resource(show_spinner=False, max_entries=4)
def _store(source: str) -> Store:
    found = Source.from_environment({SOURCE_VARIABLE: source})
    return connect(found.store, found.data_dir, readonly=True)
