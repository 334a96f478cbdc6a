"""Data frames that are safe to calculate with."""

import re
from collections.abc import Sequence

import pandas as pd


def with_signed_integers(frame: pd.DataFrame) -> pd.DataFrame:
    """Make unsigned columns signed: new - old of two numpy uint64 underflows to 1.8e19."""
    changes = {}
    for name, dtype in frame.dtypes.items():
        if dtype.kind == "u":
            changes[name] = "Int64" if isinstance(dtype, pd.api.extensions.ExtensionDtype) else "int64"
    return frame.astype(changes) if changes else frame


def empty_frame(names: Sequence[str], types: Sequence[str]) -> pd.DataFrame:
    """Return a frame without rows that has the columns and dtypes a filled one would have.

    Args:
        names: Column names.
        types: ClickHouse types, for example LowCardinality(Nullable(String)).
    """
    return pd.DataFrame({name: pd.Series([], dtype=_dtype(kind)) for name, kind in zip(names, types, strict=True)})


def _dtype(kind: str) -> str:
    inner = re.sub(r"(LowCardinality|Nullable)\(", "", kind)
    if re.match(r"U?Int(8|16|32|64)\b", inner):
        return "Int64" if "Nullable(" in kind else "int64"
    if re.match(r"B?Float(16|32|64)\b", inner):
        return "float64"
    if inner.startswith("DateTime"):
        return "datetime64[ns, UTC]"
    return "object"
