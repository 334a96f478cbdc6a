"""The runner: results in order, half the batch when memory ends, and the encoder's attention on each device."""

from collections.abc import Callable
from typing import Any

import pytest

from watchglass_evaluators.models.device import Device
from watchglass_evaluators.models.running import Pack, PackRunner

CPU = Device("cpu", "fp32", "test")


def sums(pack: Pack) -> list[Any]:
    return [part.sum() for part in pack.ids.split(pack.lengths)]


def limited(tokens: int, error: Callable[[], Exception]) -> Callable[[Pack], list[Any]]:
    """A device that has memory for so many tokens."""

    def forward(pack: Pack) -> list[Any]:
        if len(pack.ids) > tokens:
            raise error()
        return sums(pack)

    return forward


def out_of_memory() -> Exception:
    import torch

    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


SEQUENCES = [[n] * (1 + n % 7) for n in range(40)]
EXPECTED = [sum(sequence) for sequence in SEQUENCES]


def test_results_are_in_order_part_by_part() -> None:
    runner = PackRunner(CPU, sums, budget=10)
    parts = list(runner.run(iter([SEQUENCES[:25], [], SEQUENCES[25:]])))
    assert [int(value) for part in parts for value in part] == EXPECTED
    assert [len(part) for part in parts] == [25, 0, 15]


@pytest.mark.parametrize(
    "error", [out_of_memory, lambda: RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to …")]
)
def test_out_of_memory_halves_the_batch_and_loses_nothing(error: Callable[[], Exception]) -> None:
    runner = PackRunner(CPU, limited(12, error), budget=100)
    (part,) = runner.run([SEQUENCES])
    assert [int(value) for value in part] == EXPECTED
    assert runner.budget <= 12, "it stays at what fits"


def test_a_text_that_does_not_fit_alone_is_its_own_error() -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        list(PackRunner(CPU, limited(3, out_of_memory), budget=100).run([SEQUENCES]))


def test_other_errors_are_not_taken_for_it() -> None:
    calls = []

    def broken(pack: Pack) -> list[Any]:
        calls.append(pack)
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        list(PackRunner(CPU, broken, budget=100).run([SEQUENCES]))
    assert len(calls) == 1


def test_attention_at_once_equals_attention_in_turn() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no GPU: one kernel for a whole pack exists only there")
    from watchglass_evaluators.models.encoder import attend_at_once, attend_in_turn

    lengths = [50, 50, 17, 3, 1]
    qkv = torch.randn(sum(lengths), 3, 4, 32, device="cuda", dtype=torch.bfloat16)
    offsets = torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], device="cuda")
    pack = Pack(torch.zeros(sum(lengths), device="cuda"), lengths, offsets)
    torch.testing.assert_close(attend_at_once(qkv, pack), attend_in_turn(qkv, lengths), atol=2e-2, rtol=0)
