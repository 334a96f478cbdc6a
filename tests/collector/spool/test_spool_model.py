"""The spool against a model, with crashes at any step and tails torn by them."""

import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from watchglass_collector import CollectorConfig
from watchglass_collector.spool import Record, Spool, token
from watchglass_collector.spool.record import header

SIGNALS = ("traces", "logs")
CONFIG = CollectorConfig(segment_bytes=1024, commit_linger_s=0)


class SpoolMachine(RuleBasedStateMachine):
    """Acknowledged means stored exactly once; the store keeps one copy of what comes with a token it has seen."""

    @initialize()
    def start(self) -> None:
        self.home = Path(tempfile.mkdtemp())
        self.random = random.Random(1)
        self.acknowledged: dict[bytes, tuple[str, Record]] = {}
        self.maybe: dict[bytes, tuple[str, Record]] = {}
        self.stored: dict[str, list[bytes]] = {}
        self.spool = self._open(self.home / "0")

    def _open(self, directory: Path) -> Spool:
        self.directory = directory
        return Spool(directory, SIGNALS, CONFIG)

    def _new_record(self, size: int) -> Record:
        return Record(self.random.randbytes(16), 1, self.random.randbytes(size))

    @rule(signal=st.sampled_from(SIGNALS), size=st.integers(0, 700))
    def accept(self, signal: str, size: int) -> None:
        record = self._new_record(size)
        assert self.spool.append(signal, record).result() is True
        self.acknowledged[record.digest] = (signal, record)

    @rule(choice=st.integers(0, 2**16))
    def resend(self, choice: int) -> None:
        known = list((self.acknowledged | self.maybe).values())
        if known:
            signal, record = known[choice % len(known)]
            is_new = self.spool.append(signal, record).result()
            assert not (is_new and record.digest in self.acknowledged)
            self.acknowledged[record.digest] = (signal, record)

    @rule(signal=st.sampled_from(SIGNALS), is_removed=st.booleans())
    def insert(self, signal: str, is_removed: bool) -> None:
        segment = self.spool.next_segment(signal, now=True)
        if segment is None:
            return
        records, _ = segment.load()
        if records:
            self.stored.setdefault(token(segment.name, records), [record.digest for record in records])
        if is_removed:
            self.spool.remove(segment)

    @rule(torn=st.binary(max_size=40), written=st.floats(0, 1), signal=st.sampled_from(SIGNALS))
    def crash(self, torn: bytes, written: float, signal: str) -> None:
        """Only what is on disk is left, and behind it part of a record nobody was told about, or garbage."""
        survivor = self.home / str(int(self.directory.name) + 1)
        shutil.copytree(self.directory, survivor)
        self.spool.close()
        open_segments = sorted((survivor / signal).glob("*.segment"))
        if open_segments and not self._is_sealed(open_segments[-1]):
            record = self._new_record(100)
            whole = header(record) + bytes(record.payload)
            with open_segments[-1].open("ab") as file:
                file.write(torn or whole[: int(len(whole) * written)])
            self.maybe[record.digest] = (signal, record)
        self.spool = self._open(survivor)

    def _is_sealed(self, path: Path) -> bool:
        return any(name.startswith(path.stem) for name in self.stored)

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = self._open(self.directory)

    @invariant()
    def nothing_is_stored_twice(self) -> None:
        counts = Counter(digest for digests in getattr(self, "stored", {}).values() for digest in digests)
        assert all(count == 1 for count in counts.values())

    def teardown(self) -> None:
        if not hasattr(self, "spool"):
            return
        for signal in SIGNALS:
            while self.spool.next_segment(signal, now=True) is not None:
                self.insert(signal, True)
        self.nothing_is_stored_twice()
        stored = {digest for digests in self.stored.values() for digest in digests}
        assert self.acknowledged.keys() <= stored
        assert stored <= self.acknowledged.keys() | self.maybe.keys()
        assert self.spool.pending_items() == 0
        self.spool.close()
        shutil.rmtree(self.home)


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(max_examples=60, stateful_step_count=30)
