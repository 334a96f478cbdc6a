"""Runs a model over sequences: packs of similar length, copies that do not wait, half the batch when memory ends."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchglass_evaluators.models.packing import Ids, packs

if TYPE_CHECKING:
    from torch import Tensor

    from watchglass_evaluators.models.device import Device

logger = logging.getLogger("watchglass.models")


@dataclass(frozen=True, slots=True)
class Pack:
    """Some sequences, one behind the other, on the device."""

    ids: "Tensor"
    """Token numbers: one row, no padding."""
    lengths: list[int]
    """Tokens of each sequence."""
    offsets: "Tensor"
    """Where each begins, and the end: one more than there are sequences."""


Forward = Callable[[Pack], "list[Tensor]"]
"""Gives one tensor for each sequence of a pack, on the device."""


class PackRunner:
    """Feeds a model. Not for two threads at once."""

    def __init__(self, device: "Device", forward: Forward, *, budget: int, padded: bool = False) -> None:
        """Make a runner.

        Args:
            device: where the model is.
            forward: the model.
            budget: tokens of a pack; halved for good whenever the device runs out of memory.
            padded: whether the model pads a pack to its longest sequence.
        """
        self._device = device
        self._forward = forward
        self.budget = budget
        self._padded = padded

    def run(self, parts: Iterable[Sequence[Ids]]) -> "Iterator[list[Tensor]]":
        """Run over parts of sequences as they come; yields each part's results, in order and on the processor.

        A part's results are fetched when the next part has been handed to the device, so a GPU does not wait.
        """
        waiting: list[Tensor] | None = None
        for sequences in parts:
            results = self._part(sequences)
            if waiting is not None:
                yield self._fetched(waiting)
            waiting = results
        if waiting is not None:
            yield self._fetched(waiting)

    def _part(self, sequences: Sequence[Ids]) -> "list[Tensor]":
        import torch

        results: dict[int, Tensor] = {}
        with torch.inference_mode():
            for pack in packs([len(s) for s in sequences], self.budget, padded=self._padded):
                results.update(self._run_pack(sequences, pack))
        return [results[index] for index in range(len(sequences))]

    def _run_pack(self, sequences: Sequence[Ids], pack: list[int]) -> "Iterator[tuple[int, Tensor]]":
        import torch

        try:
            outputs = self._forward(self._to_device([sequences[i] for i in pack]))
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error) or len(pack) == 1:
                raise
            if self._device.name == "cuda":
                torch.cuda.empty_cache()
            self.budget = max(self.budget // 2, 1)
            logger.warning("out of memory: %d tokens at once from now on", self.budget)
        else:
            yield from zip(pack, outputs, strict=True)
            return
        middle = len(pack) // 2
        yield from self._run_pack(sequences, pack[:middle])
        yield from self._run_pack(sequences, pack[middle:])

    def _to_device(self, sequences: Sequence[Ids]) -> Pack:
        import torch

        is_cuda = self._device.name == "cuda"
        lengths = [len(s) for s in sequences]
        ids = torch.tensor([token for s in sequences for token in s], dtype=torch.long, pin_memory=is_cuda)
        offsets = torch.zeros(len(lengths) + 1, dtype=torch.long, pin_memory=is_cuda)
        torch.cumsum(torch.tensor(lengths), 0, out=offsets[1:])
        if is_cuda:
            ids, offsets = ids.to("cuda", non_blocking=True), offsets.to("cuda", non_blocking=True)
        return Pack(ids, lengths, offsets)

    def _fetched(self, results: "list[Tensor]") -> "list[Tensor]":
        import torch

        if self._device.name == "cpu" or not results:
            return results
        # One copy for a part, not one for each text: every copy waits for the device.
        sizes = [result.shape for result in results]
        flat = torch.cat([result.reshape(-1) for result in results]).cpu()
        pieces = torch.split(flat, [size.numel() for size in sizes])
        return [piece.view(size) for piece, size in zip(pieces, sizes, strict=True)]


def _is_out_of_memory(error: Exception) -> bool:
    import torch

    # The processor's allocator has no class of its own for it.
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
