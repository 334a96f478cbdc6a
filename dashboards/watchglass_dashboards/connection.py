"""The store as a page sees it: two clients, one cache. Pages read through `data` and write through `writing`."""

import os
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import streamlit as st

from watchglass_dashboards.source import SOURCE_VARIABLE, Source
from watchglass_store import Editor, Store, connect, connect_editor

#: How old a number on a page may be, seconds; each page says when its data ends.
CACHE_S = 10
#: How old what a filter offers may be, seconds.
SELDOM_S = 120

P = ParamSpec("P")
R = TypeVar("R")


def ask(as_whom: str, query: Callable[Concatenate[Store, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Answer of a query function, at most `CACHE_S` old.

    The cache is shared by all viewers, so its key holds the whole source (server, database, user) and who asks.

    Args:
        as_whom: The role that asks; answers are shared within a role only.
        query: A function of `watchglass_store.queries`.
        args: Its arguments behind the store.
        kwargs: Its named arguments.
    """
    source = os.environ[SOURCE_VARIABLE]
    answer: R = _cached(_key(source, as_whom, query, args, kwargs), source, lambda store: query(store, *args, **kwargs))
    return answer


def ask_now(query: Callable[Concatenate[Store, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Answer of a query function as it is now, from no cache."""
    return query(reader(), *args, **kwargs)


def reader() -> Store:
    """The connection that reads, for what needs a store itself."""
    return _store(os.environ[SOURCE_VARIABLE])


def ask_seldom(as_whom: str, query: Callable[Concatenate[Store, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """As `ask`, at most `SELDOM_S` old."""
    source = os.environ[SOURCE_VARIABLE]
    answer: R = _kept(_key(source, as_whom, query, args, kwargs), source, lambda store: query(store, *args, **kwargs))
    return answer


def _key(source: str, as_whom: str, query: Any, args: Any, kwargs: Any) -> str:
    return f"{source} {as_whom} {query.__module__}.{query.__qualname__} {args!r} {sorted(kwargs.items())!r}"


def editor() -> Editor:
    """The connection that adds settings."""
    return _editor(os.environ[SOURCE_VARIABLE])


def forget() -> None:
    """Ask the store anew: something was changed."""
    _cached.clear()
    _kept.clear()


@st.cache_data(ttl=CACHE_S, max_entries=500, show_spinner=False)
def _cached(key: str, source: str, _ask: Callable[[Store], Any]) -> Any:
    return _ask(_store(source))


@st.cache_data(ttl=SELDOM_S, max_entries=100, show_spinner=False)
def _kept(key: str, source: str, _ask: Callable[[Store], Any]) -> Any:
    return _ask(_store(source))


@st.cache_resource(show_spinner=False, max_entries=4)
def _store(source: str) -> Store:
    found = Source.from_environment({SOURCE_VARIABLE: source})
    return connect(found.store, found.data_dir, readonly=True)


@st.cache_resource(show_spinner=False, max_entries=4)
def _editor(source: str) -> Editor:
    found = Source.from_environment({SOURCE_VARIABLE: source})
    return connect_editor(found.store, found.data_dir)
