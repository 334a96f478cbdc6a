"""Which device computes, and in which numbers. The choice is a pure function of what the machine has."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from watchglass_evaluators.evaluator import EvaluatorUnavailable
from watchglass_evaluators.models.config import DeviceName, DtypeName

if TYPE_CHECKING:
    import torch

MISSING = "torch and transformers are not installed: pip install 'watchglass-server[models]'"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the machine has."""

    cuda: bool
    """A GPU that torch can use."""
    cuda_bf16: bool
    """It multiplies bf16 in hardware."""
    cpu_bf16: bool
    """The processor does (AVX512-BF16 or AMX)."""


@dataclass(frozen=True, slots=True)
class Device:
    """The choice, and why."""

    name: Literal["cpu", "cuda"]
    dtype: Literal["fp32", "bf16"]
    reason: str

    @property
    def torch_dtype(self) -> "torch.dtype":
        """The type of its numbers."""
        import torch

        return torch.bfloat16 if self.dtype == "bf16" else torch.float32

    @property
    def batch_tokens(self) -> int:
        """Tokens that keep it busy. On a processor more do not help: they only leave its caches."""
        return 32_768 if self.name == "cuda" else 2_048


def choose(device: DeviceName, dtype: DtypeName, has: Capabilities) -> Device:
    """Choose; fp16 is never an answer, since on processors it is slower than fp32 and overflows.

    Raises:
        EvaluatorUnavailable: what was asked for is not there.
    """
    if device == "cuda" and not has.cuda:
        raise EvaluatorUnavailable("evaluators.models.device = cuda, but torch sees no GPU: set auto or cpu")
    name: Literal["cpu", "cuda"] = "cuda" if has.cuda and device != "cpu" else "cpu"
    is_able = has.cuda_bf16 if name == "cuda" else has.cpu_bf16
    if dtype == "fp32":
        return Device(name, "fp32", "fp32 was asked for")
    if dtype == "bf16" and not is_able:
        raise EvaluatorUnavailable(f"evaluators.models.dtype = bf16, but this {name} has none: set auto or fp32")
    return Device(name, "bf16", "has bf16") if is_able else Device(name, "fp32", "has no bf16")


def capabilities() -> Capabilities:
    """Ask torch what the machine has.

    Raises:
        EvaluatorUnavailable: torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise EvaluatorUnavailable(MISSING) from error
    cuda = torch.cuda.is_available()
    return Capabilities(
        cuda=cuda,
        cuda_bf16=cuda and torch.cuda.get_device_capability() >= (8, 0),
        cpu_bf16=bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()),
    )
