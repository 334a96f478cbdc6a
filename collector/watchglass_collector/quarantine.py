"""Looking at what the store refused, and sending it again."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from watchglass_collector.spool.quarantine import COPY_SUFFIX, REASON_SUFFIX, REPLAY_FOLDER
from watchglass_collector.spool.segment import SUFFIX, reopen


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One file in quarantine."""

    name: str
    """What `replay` takes."""
    kind: str
    """'refused': the store could not decode it. 'copy': stored, but a view behind the tables failed on it. 'damaged':
    bytes of the spool that do not check."""
    signal: str
    items: int | None
    """Spans, log records or data points; None where nobody can tell."""
    size: int
    """Bytes."""
    since: datetime
    reason: str


_KINDS = {SUFFIX: "refused", COPY_SUFFIX: "copy", ".damaged": "damaged"}


def quarantined(data_dir: Path) -> list[Quarantined]:
    """Everything in quarantine, oldest first."""
    folder = data_dir / "spool" / "quarantine"
    paths = [path for path in folder.glob("*") if path.suffix in _KINDS] if folder.is_dir() else []
    return sorted((_look_at(path) for path in paths), key=lambda one: (one.since, one.name))


def _look_at(path: Path) -> Quarantined:
    status = path.stat()
    signal = path.name.split("-", 1)[0]
    reason = path.with_suffix(REASON_SUFFIX)
    return Quarantined(
        name=path.name,
        kind=_KINDS[path.suffix],
        signal=signal,
        items=None if path.suffix == ".damaged" else reopen(signal, path).items,
        size=status.st_size,
        since=datetime.fromtimestamp(status.st_mtime, UTC),
        reason=reason.read_text(encoding="utf-8") if reason.exists() else "",
    )


def replay(data_dir: Path, names: list[str] | None = None) -> list[str]:
    """Have the collector store refused requests again: at once where it runs, else at its next start.

    What is replayed counts as received once more. Copies are not replayed, since their rows are stored already, nor
    are damaged bytes.

    Args:
        data_dir: the collector's.
        names: of files, as `quarantined` lists them; None = every refused one.

    Returns:
        The names that were handed over.

    Raises:
        ValueError: one of the names is not that of a refused request in quarantine.
    """
    folder = data_dir / "spool" / "quarantine"
    refused = [one.name for one in quarantined(data_dir) if one.kind == "refused"]
    chosen = refused if names is None else names
    for name in chosen:
        if name not in refused:
            raise ValueError(
                f"{name} is not a refused request in quarantine; there are: {', '.join(refused) or 'none'}"
            )
    (folder / REPLAY_FOLDER).mkdir(exist_ok=True)
    for name in chosen:
        (folder / name).replace(folder / REPLAY_FOLDER / name)
        (folder / name).with_suffix(REASON_SUFFIX).unlink(missing_ok=True)
    return chosen
