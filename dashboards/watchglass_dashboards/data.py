"""Reading the store for a page: the read-only user, one cache, two designed failures."""

import os
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import streamlit as st

from watchglass_dashboards.source import SOURCE_VARIABLE, Source
from watchglass_store import Store, connect

#: How old a number on a page may be, seconds; each page says when its data ends.
CACHE_S = 10

P = ParamSpec("P")
R = TypeVar("R")


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
