"""Reading the store for a page: the read-only user, one cache, two designed failures."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from watchglass_dashboards import access
from watchglass_dashboards.connection import ask, ask_now, ask_seldom
from watchglass_store import Store

P = ParamSpec("P")
R = TypeVar("R")


def read(query: Callable[Concatenate[Store, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Answer of a query function of `watchglass_store.queries`, at most `connection.CACHE_S` seconds old.

    Every part of a page reads through here, fragments that refresh by themselves too, so it asks who looks.

    Raises:
        NotLoggedIn: Nobody is logged in any more.
        StoreUnavailable: The store does not answer; try again.
        StoreRejected: The query will always fail, e.g. it reads more than a page may.
    """
    return ask(access.actor().role, query, *args, **kwargs)


def read_now(query: Callable[Concatenate[Store, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """As `read`, but not from the cache: for the answer that somebody waits for.

    Raises:
        NotLoggedIn, StoreUnavailable, StoreRejected: As `read`.
    """
    access.actor()
    return ask_now(query, *args, **kwargs)


def read_seldom(query: Callable[Concatenate[Store, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """As `read`, at most `connection.SELDOM_S` old: for what a filter offers, never for a number that is shown."""
    return ask_seldom(access.actor().role, query, *args, **kwargs)
