"""A sentence encoder on the device: one vector for a text, or one for each of its tokens; all of length 1."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from watchglass_evaluators.models.classifier import longest_input, padded
from watchglass_evaluators.models.encoder import FAMILIES, PackedEncoder
from watchglass_evaluators.models.packing import Ids
from watchglass_evaluators.models.running import Pack, PackRunner
from watchglass_evaluators.models.tokens import Tokens

if TYPE_CHECKING:
    from torch import Tensor

    from watchglass_evaluators.models.device import Device

Matrix = NDArray[np.float32]

REMEMBERED = 20_000
"""Vectors that are kept, by hash of the text: several evaluators look at the same answer in turn."""


class Embedder:
    """Not for two threads at once: `Models.lock` sees to it.

    A text's vector is the mean over its tokens (or its first token's, where the model says so), as
    sentence-transformers computes it. That package cuts texts at the model's limit; here the mean goes over all
    windows of a longer one.
    """

    def __init__(
        self, model: Any, tokenizer: Any, folder: Path, *, device: "Device", budget: int, threads: int
    ) -> None:
        """Move a model to the device.

        Args:
            model: of the transformers package, in evaluation mode.
            tokenizer: its tokenizer.
            folder: where both came from: says how tokens become one vector, and where the model's limit is.
            device: where, and in which numbers.
            budget: tokens of a pack.
            threads: tokenizer threads.

        Raises:
            ValueError: tokens become one vector in a way that is not known here.
        """
        self._is_mean = _is_mean(folder)
        self._model = model.to(device=device.name, dtype=device.torch_dtype)
        is_packed = model.config.model_type in FAMILIES
        self._encoder = PackedEncoder(model) if is_packed else None
        self._padding = int(tokenizer.pad_token_id or 0)
        longest = min(longest_input(model.config, tokenizer), _limit(folder))
        self._tokens = Tokens(tokenizer, longest=longest, threads=threads, overlap=0)
        self._whole = PackRunner(device, self._pooled, budget=budget, padded=not is_packed)
        self._each = PackRunner(device, self._inner, budget=budget, padded=not is_packed)
        self._known: OrderedDict[bytes, Matrix] = OrderedDict()
        self.width = int(model.config.hidden_size)

    def texts(self, texts: Sequence[str]) -> Matrix:
        """Return one row for each text; of equal texts one is computed."""
        keys = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        fresh = dict(zip(missing, self._computed(list(missing.values())), strict=True))
        rows = [fresh[key] if key in fresh else self._known[key] for key in keys]
        for key in fresh:
            self._known[key] = fresh[key]
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return np.stack(rows) if rows else np.empty((0, self.width), dtype=np.float32)

    def tokens(self, texts: Sequence[str]) -> list[Matrix]:
        """Return for each text one row for each of its tokens, special ones left out."""
        counts: list[int] = []
        found = [
            np.asarray(rows, dtype=np.float32) for part in self._each.run(self._flat(texts, counts)) for rows in part
        ]
        results = []
        start = 0
        for count in counts:
            rows = np.concatenate(found[start : start + count])
            results.append(_unit(rows))
            start += count
        return results

    def _computed(self, texts: Sequence[str]) -> Matrix:
        counts: list[int] = []
        found = [rows.numpy() for part in self._whole.run(self._flat(texts, counts)) for rows in part]
        if not found:
            return np.empty((0, self.width), dtype=np.float32)
        sums = np.add.reduceat(
            np.stack(found), np.cumsum([0, *counts[:-1]])
        )  # a window weighs as many tokens as it has
        return _unit(sums)

    def _flat(self, texts: Sequence[str], counts: list[int]) -> Iterable[list[Ids]]:
        for part in self._tokens.windowed(texts):
            counts.extend(len(windows) for windows in part)
            yield [window for windows in part for window in windows]

    def _pooled(self, pack: Pack) -> "list[Tensor]":
        import torch

        if not self._is_mean:
            firsts = self._encoder.firsts(pack) if self._encoder else self._padded(pack)[pack.offsets[:-1]]
            return list(firsts.float().unbind())
        vectors = self._vectors(pack).float()
        owners = torch.repeat_interleave(
            torch.arange(len(pack.lengths), device=vectors.device), pack.offsets.diff(), output_size=len(vectors)
        )
        sums = torch.zeros((len(pack.lengths), vectors.shape[1]), device=vectors.device).index_add_(0, owners, vectors)
        return list(sums.unbind())

    def _inner(self, pack: Pack) -> "list[Tensor]":
        import torch

        return [rows[1:-1] for rows in torch.split(self._vectors(pack).float(), pack.lengths)]

    def _vectors(self, pack: Pack) -> "Tensor":
        return self._encoder.tokens(pack) if self._encoder else self._padded(pack)

    def _padded(self, pack: Pack) -> "Tensor":
        ids, mask = padded(pack, self._padding)
        found: Tensor = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
        return found[mask.bool()]


def _is_mean(folder: Path) -> bool:
    """Whether a text's vector is the mean over its tokens; a folder that does not say means that."""
    path = folder / "1_Pooling" / "config.json"
    if not path.is_file():
        return True
    modes = json.loads(path.read_text(encoding="utf-8"))
    if modes.get("pooling_mode_mean_tokens"):
        return True
    if modes.get("pooling_mode_cls_token"):
        return False
    raise ValueError("its pooling is neither the mean over tokens nor the first token")


def _limit(folder: Path) -> int:
    path = folder / "sentence_bert_config.json"
    return int(json.loads(path.read_text(encoding="utf-8"))["max_seq_length"]) if path.is_file() else 512


def _unit(rows: Matrix) -> Matrix:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)
