"""The benchmark that people run on their GPU runs on a processor, small."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_it_prints_one_json_value_with_every_figure() -> None:
    command = [sys.executable, "benchmarks/gpu.py", "--models", "tiny", "--texts", "4", "--rounds", "1"]
    command += ["--topic", "click"]
    printed = subprocess.check_output(
        [*command, "--device", "cpu", "--dtype", "fp32", "--threads", "1", "--peak-tflops", "0.1"], cwd=ROOT, text=True
    )
    result = json.loads(printed)
    assert result["device"] == "cpu, 1 threads, fp32"
    assert result["matmul_gflops"] > 0
    found = result["models"]["tiny"]
    assert found["max_abs_difference"] < 1e-5
    for name in ("ours", "Detoxify.predict, one text", "Detoxify.predict, 32 texts"):
        assert found[name]["texts_per_s"] > 0
        assert found[name]["tokens_per_s"] > found[name]["texts_per_s"]
    assert 0 < found["share_of_matmul"] < 1
    assert found["times_the_better_other"] > 0
