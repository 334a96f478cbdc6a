"""The choice of device and numbers, for machines that are not at hand."""

import pytest

from watchglass_evaluators.evaluator import EvaluatorUnavailable
from watchglass_evaluators.models.device import Capabilities, capabilities, choose

NEW_GPU = Capabilities(cuda=True, cuda_bf16=True, cpu_bf16=True)
OLD_GPU = Capabilities(cuda=True, cuda_bf16=False, cpu_bf16=True)
NEW_CPU = Capabilities(cuda=False, cuda_bf16=False, cpu_bf16=True)
OLD_CPU = Capabilities(cuda=False, cuda_bf16=False, cpu_bf16=False)


@pytest.mark.parametrize(
    ("has", "device", "dtype", "chosen"),
    [
        (NEW_GPU, "auto", "auto", ("cuda", "bf16")),
        (NEW_GPU, "cpu", "auto", ("cpu", "bf16")),
        (NEW_GPU, "auto", "fp32", ("cuda", "fp32")),
        (OLD_GPU, "auto", "auto", ("cuda", "fp32")),
        (NEW_CPU, "auto", "auto", ("cpu", "bf16")),
        (OLD_CPU, "auto", "auto", ("cpu", "fp32")),
    ],
)
def test_the_best_there_is(has: Capabilities, device: str, dtype: str, chosen: tuple[str, str]) -> None:
    found = choose(device, dtype, has)  # type: ignore[arg-type]
    assert (found.name, found.dtype) == chosen


@pytest.mark.parametrize(
    ("has", "device", "dtype", "message"),
    [(NEW_CPU, "cuda", "auto", "torch sees no GPU"), (OLD_CPU, "cpu", "bf16", "this cpu has none")],
)
def test_what_is_not_there_is_not_replaced_in_silence(has: Capabilities, device: str, dtype: str, message: str) -> None:
    with pytest.raises(EvaluatorUnavailable, match=message):
        choose(device, dtype, has)  # type: ignore[arg-type]


def test_this_machine_has_an_answer() -> None:
    import torch

    assert capabilities().cuda is torch.cuda.is_available()
    assert choose("auto", "auto", capabilities()).torch_dtype in (torch.bfloat16, torch.float32)
