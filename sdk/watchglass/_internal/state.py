"""The one client of this process: set by ``init``, cleared by ``shutdown``, swapped by ``watchglass.testing``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchglass._internal.runtime import Client

client: Client | None = None
