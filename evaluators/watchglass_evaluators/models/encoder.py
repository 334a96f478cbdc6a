"""A transformer encoder without padding: linear layers over all tokens of a pack, attention within each sequence.

Takes the weights of a BERT, RoBERTa or XLM-RoBERTa of the transformers package and computes what it computes. Padding a
batch of texts of ordinary lengths to its longest triples the work; here none is done for what is not there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from watchglass_evaluators.models.running import Pack

if TYPE_CHECKING:
    from torch import Tensor

FAMILIES = ("bert", "roberta", "xlm-roberta")
"""Values of `model_type` in a config.json that this understands."""


@dataclass(frozen=True, slots=True)
class _Layer:
    qkv: "tuple[Tensor, Tensor]"
    """Weight and bias of queries, keys and values: one product instead of three."""
    mixed: Any
    mixed_norm: Any
    wider: Any
    narrower: Any
    norm: Any


class PackedEncoder:
    """An encoder that shares its weights with a transformers model."""

    def __init__(self, model: Any) -> None:
        """Take the weights.

        Args:
            model: BertModel, RobertaModel or XLMRobertaModel in evaluation mode, on its device.
        """
        import torch
        from transformers.activations import ACT2FN

        config = model.config
        if config.model_type not in FAMILIES:
            raise ValueError(f"model_type {config.model_type!r} is not one of {', '.join(FAMILIES)}")
        self._embeddings = model.embeddings
        # RoBERTa's positions begin behind its padding token, and padding tokens in the text take none.
        self._padding = config.pad_token_id if config.model_type != "bert" else None
        self._heads = config.num_attention_heads
        self._activation = ACT2FN[config.hidden_act]
        self._layers = []
        for layer in model.encoder.layer:
            own = layer.attention.self
            parts = (own.query, own.key, own.value)
            weight = torch.cat([part.weight for part in parts]).detach()
            bias = torch.cat([part.bias for part in parts]).detach()
            output = layer.attention.output
            self._layers.append(
                _Layer(
                    (weight, bias),
                    output.dense,
                    output.LayerNorm,
                    layer.intermediate.dense,
                    layer.output.dense,
                    layer.output.LayerNorm,
                )
            )

    def tokens(self, pack: Pack) -> "Tensor":
        """Return the last layer's vector of every token."""
        return self._run(pack, firsts_only=False)

    def firsts(self, pack: Pack) -> "Tensor":
        """Return the last layer's vector of each sequence's first token; the others' are not computed to the end."""
        return self._run(pack, firsts_only=True)

    def _run(self, pack: Pack, *, firsts_only: bool) -> "Tensor":
        from torch.nn.functional import linear

        x = self._embedded(pack)
        last = len(self._layers) - 1
        for number, layer in enumerate(self._layers):
            weight, bias = layer.qkv
            attended = attend(linear(x, weight, bias).view(len(x), 3, self._heads, -1), pack)
            if firsts_only and number == last:
                firsts = pack.offsets[:-1]
                x, attended = x[firsts], attended[firsts]
            x = layer.mixed_norm(layer.mixed(attended) + x)
            x = layer.norm(layer.narrower(self._activation(layer.wider(x))) + x)
        return x

    def _embedded(self, pack: Pack) -> "Tensor":
        import torch

        e = self._embeddings
        ids, offsets = pack.ids, pack.offsets
        lengths = offsets.diff()
        starts = torch.repeat_interleave(offsets[:-1], lengths, output_size=len(ids))
        if self._padding is None:
            positions = torch.arange(len(ids), device=ids.device) - starts
        else:
            counted = (ids != self._padding).long()
            before = torch.cumsum(counted, 0)
            places = before - (before - counted)[starts]
            positions = places * counted + self._padding
        types = e.token_type_embeddings.weight[0]
        return torch.as_tensor(e.LayerNorm(e.word_embeddings(ids) + types + e.position_embeddings(positions)))


def attend(qkv: "Tensor", pack: Pack) -> "Tensor":
    """Attention within each sequence of a pack.

    Args:
        qkv: tokens × 3 × heads × width of a head.
        pack: which tokens belong together.

    Returns:
        tokens × (heads · width).
    """
    import torch

    if qkv.device.type == "cuda" and qkv.dtype == torch.bfloat16:  # its kernel knows no fp32
        return attend_at_once(qkv, pack)
    return attend_in_turn(qkv, pack.lengths)


def attend_in_turn(qkv: "Tensor", lengths: Sequence[int]) -> "Tensor":
    """One call for each run of sequences of one length: for processors, where a call costs little."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention

    _, _, heads, width = qkv.shape
    out = torch.empty((len(qkv), heads * width), dtype=qkv.dtype, device=qkv.device)
    start = 0
    for length, run in groupby(lengths):
        count = len(list(run))
        end = start + count * length
        q, k, v = qkv[start:end].view(count, length, 3, heads, width).permute(2, 0, 3, 1, 4)
        found = scaled_dot_product_attention(q, k, v)
        out[start:end] = found.transpose(1, 2).reshape(count * length, -1)
        start = end
    return out


def attend_at_once(qkv: "Tensor", pack: Pack) -> "Tensor":
    """One kernel for the whole pack: for GPUs, bf16 only."""
    import torch
    from torch.nn.attention.varlen import varlen_attn

    offsets = pack.offsets.to(torch.int32)
    longest = max(pack.lengths)
    q, k, v = qkv.unbind(1)
    found = varlen_attn(q, k, v, offsets, offsets, longest, longest)
    assert isinstance(found, torch.Tensor)
    return found.reshape(len(qkv), -1)
