"""Links that messages carry for people to follow. Watchglass itself never opens them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlsplit


def check_link(key: str, url: str) -> str:
    """The link, if a person can safely be offered it.

    Raises:
        ValueError: it is not a plain http or https URL.
    """
    problem = f"{key}: {url[:80]!r} must be an http or https link without spaces, user or password"
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        raise ValueError(problem) from None
    if not is_web or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(problem)
    return url


def query_string(parameters: Mapping[str, str]) -> str:
    """'?a=b&c=d' with everything quoted; parameters that are '' are left out."""
    pairs = [f"{key}={quote(value, safe='')}" for key, value in parameters.items() if value]
    return "?" + "&".join(pairs) if pairs else ""
