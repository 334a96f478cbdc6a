"""Data frames that are safe to calculate with."""

from collections.abc import Sequence

import pandas as pd

from watchglass_store.sql import quote_name, quote_string


def with_signed_integers(frame: pd.DataFrame) -> pd.DataFrame:
    """Make unsigned columns signed: new - old of two numpy uint64 underflows to 1.8e19."""
    changes = {}
    for name, dtype in frame.dtypes.items():
        if dtype.kind == "u":
            changes[name] = "Int64" if isinstance(dtype, pd.api.extensions.ExtensionDtype) else "int64"
    return frame.astype(changes) if changes else frame


def one_row_of(names: Sequence[str], types: Sequence[str]) -> str:
    """Return a statement that gives one row of these columns.

    An answer without rows carries no columns on the wire. Cut to no rows, the frame of this statement has the columns
    and dtypes that a filled answer would have had.

    Args:
        names: Column names.
        types: ClickHouse types, for example LowCardinality(Nullable(String)).
    """
    columns = (
        f"defaultValueOfTypeName({quote_string(kind)}) AS {quote_name(name)}"
        for name, kind in zip(names, types, strict=True)
    )
    return "SELECT " + ", ".join(columns)
