"""A causal language model on the device: how unlikely it finds each token of a text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from watchglass_evaluators.models.classifier import padded
from watchglass_evaluators.models.packing import Ids
from watchglass_evaluators.models.running import Pack, PackRunner
from watchglass_evaluators.models.tokens import PART

if TYPE_CHECKING:
    from torch import Tensor

    from watchglass_evaluators.models.device import Device

_LOGITS = 2**26
"""Logits that are held at once: tokens × vocabulary. 256 MiB in fp32."""
_ROWS = 256
"""Of them, rows that are normalised at once."""


@dataclass(frozen=True, slots=True)
class Surprise:
    """What a model makes of one text."""

    nats: NDArray[np.float32]
    """-ln p of each token after the first, given those before it."""
    places: list[tuple[int, int]]
    """Where each of these tokens is in the text."""


class LanguageModel:
    """Not for two threads at once: `Models.lock` sees to it."""

    def __init__(self, model: Any, tokenizer: Any, *, device: "Device", budget: int) -> None:
        """Move a model to the device.

        Args:
            model: a causal language model of the transformers package, in evaluation mode.
            tokenizer: its tokenizer, a fast one.
            device: where, and in which numbers.
            budget: tokens of a batch; fewer where the vocabulary is large.
        """
        self._model = model.to(device=device.name, dtype=device.torch_dtype)
        self._tokenizer = tokenizer
        config = model.config
        self._longest = min(int(getattr(config, "max_position_embeddings", 0) or 1024), 4096)
        budget = max(1, min(budget, _LOGITS // int(config.vocab_size)))
        self._runner = PackRunner(device, self._forward, budget=budget, padded=True)

    def surprises(self, texts: Sequence[str]) -> list[Surprise]:
        """Return one for each text; a text of one token or none has no nats.

        A text longer than the model's context is read in windows that overlap by half, each token counted once, with
        at least half a window before it.
        """
        results: list[Surprise] = []
        for start in range(0, len(texts), PART):
            results += self._part(texts[start : start + PART])
        return results

    def _part(self, texts: Sequence[str]) -> list[Surprise]:
        found = self._tokenizer(list(texts), return_offsets_mapping=True, return_attention_mask=False, verbose=False)
        owners: list[tuple[int, int]] = []
        sequences: list[Ids] = []
        for number, ids in enumerate(found["input_ids"]):
            for window, known in _windows(ids, self._longest):
                owners.append((number, known))
                sequences.append(window)
        nats: list[list[NDArray[np.float32]]] = [[] for _ in texts]
        (rows,) = self._runner.run([sequences])
        for (number, known), row in zip(owners, rows, strict=True):
            nats[number].append(row.numpy()[known:])
        return [
            Surprise(np.concatenate([np.empty(0, np.float32), *parts]), [(a, b) for a, b in places[1:]])
            for parts, places in zip(nats, found["offset_mapping"], strict=True)
        ]

    def _forward(self, pack: Pack) -> "list[Tensor]":
        import torch
        from torch.nn.functional import cross_entropy

        ids, mask = padded(pack, 0)
        logits = self._model(input_ids=ids, attention_mask=mask).logits
        results = []
        for row, length in enumerate(pack.lengths):
            parts = [
                cross_entropy(
                    logits[row, a : min(a + _ROWS, length - 1)].float(),
                    ids[row, a + 1 : min(a + _ROWS, length - 1) + 1],
                    reduction="none",
                )
                for a in range(0, length - 1, _ROWS)
            ]
            results.append(torch.cat(parts))
        return results


def _windows(ids: Ids, longest: int) -> Iterator[tuple[Ids, int]]:
    """Yield windows of two tokens or more, and how many of their predictions an earlier window has made."""
    if len(ids) < 2:
        return
    yield ids[:longest], 0
    done = longest  # tokens that are predicted, or need not be
    while done < len(ids):
        begin = done - longest // 2
        yield ids[begin : begin + longest], done - begin - 1
        done = begin + longest
