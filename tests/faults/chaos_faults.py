"""What goes wrong, each fault with evidence that it did; numbers are those of docs/crash-tests.md."""

import random
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .chaos_load import number_of
from .chaos_proxy import ChaosProxy
from .chaos_world import World, wait_until
from .fault_points import POINTS

Fault = Callable[[World, random.Random], None]
FAULTS_PER_SEED = 4
SEEDS_PER_ROUND = 5
"""In which every fault is drawn once."""


def kill_collector(world: World, numbers: random.Random) -> None:
    world.end("collector", signal.SIGKILL)
    world.start("collector")


def kill_collector_at_a_step(world: World, numbers: random.Random) -> None:
    # In turn, so that all of them come up.
    point = POINTS[(world.load.seed - 1) // SEEDS_PER_ROUND % len(POINTS)]
    world.collector_answers()
    world.arm(point)
    world.reap("collector")
    world.drawn[f"F1 … {point}"] += 1
    world.start("collector")


def kill_store(world: World, numbers: random.Random) -> None:
    world.end("store", signal.SIGKILL)
    time.sleep(numbers.uniform(0, 0.3))
    world.start("store")


def kill_store_with_an_insert(world: World, numbers: random.Random) -> None:
    world.collector_answers()
    world.to_store.seen_request.clear()
    assert world.to_store.seen_request.wait(60), "nothing is on its way to the store"
    time.sleep(numbers.uniform(0, 0.05))
    kill_store(world, numbers)


def restart_collector(world: World, numbers: random.Random) -> None:
    world.end("collector", signal.SIGTERM)
    world.start("collector")


def fill_disk(world: World, numbers: random.Random) -> None:
    world.collector_answers()
    before = world.load.log.deferred
    world.limit_file_size(numbers.randrange(100, 5000))
    wait_until(lambda: world.load.log.deferred > before, "the full disk is noticed")
    world.limit_file_size(resource.RLIM_INFINITY)


def tear_tail(world: World, numbers: random.Random) -> None:
    with_store_down(world, numbers, _tear)


def flip_bit(world: World, numbers: random.Random) -> None:
    with_store_down(world, numbers, _flip)


def lose_segment(world: World, numbers: random.Random) -> None:
    with_store_down(world, numbers, _lose)


def with_store_down(world: World, numbers: random.Random, harm: Callable[[World, Path, random.Random], None]) -> None:
    """Harm a segment that no insert was ever tried of: one that was begun while the store was away."""
    world.spool_has_room()
    world.to_store.mode = "down"
    wait_until(lambda: world.segments() or world.to_store.hits["down"], "the store is away")
    known = set(world.segments())

    def fresh() -> list[Path]:
        # The last one may be empty, the one before is whole, and the oldest may have been tried.
        return [path for path in world.segments() if path not in known and world.records(path)]

    # Two are needed: the first may have been opened before the connections were cut.
    world.collector_answers()
    world.end("collector", signal.SIGKILL)
    world.start("collector")
    world.collector_answers()
    wait_until(fresh, "something is spooled")
    world.end("collector", signal.SIGKILL)
    harm(world, fresh()[-1], numbers)
    world.start("collector")
    world.to_store.mode = "pass"


def _tear(world: World, segment: Path, numbers: random.Random) -> None:
    junk = numbers.randbytes(numbers.randrange(1, 200))
    with segment.open("ab") as file:
        file.write(junk)
    world.damage.kept.append(junk)


def _flip(world: World, segment: Path, numbers: random.Random) -> None:
    offset, record = numbers.choice(world.records(segment))
    world.damage.excused.add(_number(record.payload))
    data = bytearray(segment.read_bytes())
    data[offset + numbers.randrange(record.size)] ^= 1 << numbers.randrange(8)
    world.damage.kept.append(bytes(data[offset : offset + record.size]))
    segment.write_bytes(data)


def _lose(world: World, segment: Path, numbers: random.Random) -> None:
    world.damage.excused.update(_number(record.payload) for _, record in world.records(segment))
    segment.unlink()


def _number(payload: bytes | memoryview) -> int:
    request = ExportTraceServiceRequest.FromString(bytes(payload))
    return number_of(request.resource_spans[0].scope_spans[0].spans[0].trace_id)


def tear_checkpoints(world: World, numbers: random.Random) -> None:
    world.end("collector", signal.SIGKILL)
    digests = sorted((world.spool / "accepted").glob("*.digests"))
    if digests:
        with digests[-1].open("ab") as file:
            file.write(numbers.randbytes(numbers.randrange(1, 24)))
        (digests[-1].parent / f"{int(digests[-1].stem) + 1:020d}.digests").touch()
    world.start("collector")


def fill_spool(world: World, numbers: random.Random) -> None:
    before = world.load.log.full
    world.spool_has_room()
    world.to_store.mode = "down"
    world.collector_answers()
    for _ in range(12):
        world.load.burst()
    wait_until(lambda: world.load.log.full > before, "the spool is full")
    world.to_store.mode = "pass"


def through(mode: str, *, clients: bool = False, hits: int = 1) -> Fault:
    """A mode of a proxy until it did something that often, and a while longer."""

    def disturb(world: World, numbers: random.Random) -> None:
        proxies: tuple[ChaosProxy, ...] = (world.to_http, world.to_grpc) if clients else (world.to_store,)
        before = [proxy.hits[mode] for proxy in proxies]
        for proxy in proxies:
            proxy.mode = mode
        for proxy, had in zip(proxies, before, strict=True):
            wait_until(lambda p=proxy, h=had: p.hits[mode] >= h + hits, f"something is done in mode {mode}")  # type: ignore[misc]
        time.sleep(numbers.uniform(0, 0.3))
        for proxy in proxies:
            proxy.mode = "pass"

    return disturb


FAULTS: dict[str, Fault] = {
    "F1 kill -9 of the collector": kill_collector,
    "F1 kill -9 of the collector at a step": kill_collector_at_a_step,
    "F2 kill -9 of the store": kill_store,
    "F2 kill -9 of the store with an insert on its way": kill_store_with_an_insert,
    "F7 orderly restart of the collector": restart_collector,
    "F8 disk full (file size limit)": fill_disk,
    "F11 torn tail of a segment": tear_tail,
    "F11 a bit flipped in a segment": flip_bit,
    "F11 a segment gone": lose_segment,
    "F11 torn and empty checkpoints": tear_checkpoints,
    "F12 store away": through("down"),
    "F12 store away until the spool is full": fill_spool,
    "F13 store slow": through("slow", hits=2),
    "F13 store hangs with an insert": through("hang"),
    "F13 answers of the store lost": through("swallow"),
    "F13 store answers 500": through("refuse"),
    "F17 connections of clients reset at random bytes": through("reset", clients=True),
    "F17 slow clients": through("slow", clients=True, hits=20),
    "F17 clients half-open": through("hang", clients=True),
    "F17 answers to clients lost": through("swallow", clients=True),
}


def drawn_for(seed: int) -> list[str]:
    """The faults of a seed: in five seeds in a row from 1, 6, 11 … each comes up once, in a random order."""
    names = list(FAULTS)
    turn, place = divmod(seed - 1, SEEDS_PER_ROUND)
    random.Random(turn).shuffle(names)
    return names[place * FAULTS_PER_SEED : (place + 1) * FAULTS_PER_SEED]
