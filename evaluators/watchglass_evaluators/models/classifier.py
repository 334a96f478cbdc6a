"""A sequence classifier on the device: logits of many texts, or pairs, without padding where its family is known."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from watchglass_evaluators.evaluator import EvaluatorUnavailable
from watchglass_evaluators.models.encoder import FAMILIES, PackedEncoder
from watchglass_evaluators.models.packing import Ids
from watchglass_evaluators.models.running import Pack, PackRunner
from watchglass_evaluators.models.tokens import Tokens

if TYPE_CHECKING:
    from torch import Tensor

    from watchglass_evaluators.models.device import Device

Matrix = NDArray[np.float32]


class Classifier:
    """Not for two threads at once: `Models.lock` sees to it."""

    def __init__(self, model: Any, tokenizer: Any, *, device: "Device", budget: int, threads: int) -> None:
        """Move a model to the device.

        Args:
            model: of the transformers package, in evaluation mode.
            tokenizer: its tokenizer.
            device: where, and in which numbers.
            budget: tokens of a pack.
            threads: tokenizer threads.
        """
        self._model = model.to(device=device.name, dtype=device.torch_dtype)
        family = model.config.model_type
        self.is_packed = family in FAMILIES
        if self.is_packed:
            self._encoder = PackedEncoder(getattr(model, model.base_model_prefix))
        forward = self._packed if self.is_packed else self._padded
        self.tokens = Tokens(tokenizer, longest=longest_input(model.config, tokenizer), threads=threads)
        self._padding = int(tokenizer.pad_token_id or 0)
        self._runner = PackRunner(device, forward, budget=budget, padded=not self.is_packed)

    def windowed_logits(self, texts: Sequence[str]) -> list[Matrix]:
        """Return windows × labels for each text."""
        counts: list[int] = []

        def parts() -> Iterable[list[Ids]]:
            for part in self.tokens.windowed(texts):
                counts.extend(len(windows) for windows in part)
                yield [window for windows in part for window in windows]

        rows = self._rows(parts())
        return np.split(rows, np.cumsum(counts)[:-1]) if counts else []

    def pair_logits(self, pairs: Sequence[tuple[str, str]]) -> Matrix:
        """Return pairs × labels.

        Raises:
            EvaluatorUnavailable: the model wants to be told which text a token is of, as BERT does.
        """
        if getattr(self._model.config, "type_vocab_size", 0) > 1:
            raise EvaluatorUnavailable(
                f"a {self._model.config.model_type} model for pairs is not supported: use a RoBERTa or a DeBERTa"
            )
        return self._rows(self.tokens.paired(pairs))

    def _rows(self, parts: Iterable[Sequence[Ids]]) -> Matrix:
        import torch

        found = [torch.stack(results) for results in self._runner.run(parts) if results]
        if not found:
            return np.empty((0, self._model.config.num_labels), dtype=np.float32)
        return np.asarray(torch.cat(found).numpy(), dtype=np.float32)

    def _packed(self, pack: Pack) -> "list[Tensor]":
        firsts = self._encoder.firsts(pack)[:, None]
        base = getattr(self._model, self._model.base_model_prefix)
        # BERT's head sits behind a pooler; RoBERTa's looks at the first token by itself.
        pooled = firsts if base.pooler is None else base.pooler(firsts)
        return list(self._model.classifier(pooled).float().unbind())

    def _padded(self, pack: Pack) -> "list[Tensor]":
        ids, mask = padded(pack, self._padding)
        return list(self._model(input_ids=ids, attention_mask=mask).logits.float().unbind())


def padded(pack: Pack, padding: int) -> "tuple[Tensor, Tensor]":
    """Lay a pack out as a rectangle; returns token numbers and the mask of those that are real."""
    import torch

    ids = torch.nn.utils.rnn.pad_sequence(
        list(torch.split(pack.ids, pack.lengths)), batch_first=True, padding_value=padding
    )
    lengths = torch.tensor(pack.lengths, device=ids.device)
    mask = torch.arange(ids.shape[1], device=ids.device)[None] < lengths[:, None]
    return ids, mask.long()


def longest_input(config: Any, tokenizer: Any) -> int:
    """Tokens that a model reads: what its positions allow, or its tokenizer says if that is less."""
    positions = int(config.max_position_embeddings)
    if config.model_type in ("roberta", "xlm-roberta", "camembert"):
        positions -= config.pad_token_id + 1
    return min(positions, int(tokenizer.model_max_length))
