"""Texts, tokens and floating-point operations a second of the model runners, on a GPU or on a processor, as JSON.

    python benchmarks/gpu.py                                  # the device that there is, roberta-base and more
    python benchmarks/gpu.py --models tiny --texts 16         # seconds, anywhere
    python benchmarks/gpu.py --peak-tflops 989                # also as a share of an H100's bf16 peak

Beside ours, in the same run and in turn: `Detoxify.predict` called for one text and for 32 at once, and
`SentenceTransformer.encode`. Classifiers have random weights, which cost the same as trained ones; the encoder is
MiniLM's. Texts are passages of this machine's docstrings, cut to lengths as answers have them (log-normal, 10 to 400
tokens).

Utilisation is useful operations (2 a weight and token, and attention; padding does not count) over what a large matrix
product reaches on the same device in the same run, and over --peak-tflops where given.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from watchglass_evaluators.drift import corpus
from watchglass_evaluators.models import ModelsConfig
from watchglass_evaluators.models.manager import Models

SHAPES = {
    "roberta-base": {"vocab_size": 50_265, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
    "xlm-roberta-base": {"vocab_size": 250_002, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
    "tiny": {"vocab_size": 4_000, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4},
}
CLASSES = ["toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit"]
VOCABULARY = 4_000
"""Of the tokenizer, which is trained here: enough for lengths as in the real ones, less a few per cent."""


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def make_tokenizer(folder: Path, texts: Sequence[str]) -> Any:
    """Train a byte-level tokenizer as RoBERTa has one."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import RobertaTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    made = RobertaTokenizerFast(tokenizer_object=tokenizer, model_max_length=512)
    made.save_pretrained(folder)
    return made


def make_checkpoint(root: Path, name: str, tokenizer: Any) -> Path:
    """Write a checkpoint of Detoxify with random weights of some shape."""
    import torch
    import transformers

    folder = root / name
    folder.mkdir()
    tokenizer.save_pretrained(folder)
    shape = SHAPES[name]
    config = transformers.RobertaConfig(
        **shape,
        intermediate_size=4 * shape["hidden_size"],
        max_position_embeddings=514,
        type_vocab_size=1,
        num_labels=len(CLASSES),
    )
    config.save_pretrained(folder)
    torch.manual_seed(1)
    model = transformers.RobertaForSequenceClassification(config)
    arguments = {
        "model_type": str(folder),
        "model_name": "RobertaForSequenceClassification",
        "tokenizer_name": "RobertaTokenizer",
        "num_classes": len(CLASSES),
    }
    held = {"dataset": {"args": {"classes": CLASSES}}, "arch": {"args": arguments}}
    torch.save({"state_dict": model.state_dict(), "config": held}, root / f"{name}.ckpt")
    return root / f"{name}.ckpt"


def make_texts(count: int, passages: Sequence[str], tokenizer: Any) -> list[str]:
    """Cut passages to lengths as answers have them."""
    choice = random.Random(1)
    ids = tokenizer(" ".join(passages), add_special_tokens=False, verbose=False)["input_ids"]
    texts = []
    for _ in range(count):
        length = int(min(400, max(10, choice.lognormvariate(4.25, 0.9))))
        start = choice.randrange(len(ids) - length)
        texts.append(tokenizer.decode(ids[start : start + length]))
    return texts


def operations(lengths: Sequence[int], *, layers: int, hidden: int, inner: int) -> float:
    """Useful floating-point operations of an encoder over some texts."""
    linear = 2 * (4 * hidden * hidden + 2 * hidden * inner)
    return float(sum(layers * (linear * n + 4 * hidden * n * n) for n in lengths))


def matmul_flops(device: str, dtype: Any) -> float:
    """Floating-point operations a second of a large matrix product: the best of a few."""
    import torch

    size = 8192 if device == "cuda" else 1024
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = 0.0
    for _ in range(6):
        began = time.perf_counter()
        (a @ b)[0, 0].item()
        best = max(best, 2 * size**3 / (time.perf_counter() - began))
    return best


def measure(
    runs: dict[str, Callable[[], Any]], *, count: int, tokens: int, useful: float, rounds: int
) -> dict[str, Any]:
    """Run in turn; returns medians by name, in seconds of the clock, and of this process's processors."""
    walls: dict[str, list[float]] = {name: [] for name in runs}
    cpus: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if number:  # the first round warms up
                walls[name].append(wall)
                cpus[name].append(cpu)
    found = {}
    for name in runs:
        seconds = statistics.median(walls[name])
        found[name] = {
            "texts_per_s": round(count / seconds, 2),
            "tokens_per_s": round(tokens / seconds, 1),
            "useful_gflops": round(useful / seconds / 1e9, 2),
            "texts_per_cpu_s": round(count / statistics.median(cpus[name]), 2),
        }
    return found


def toxicity(
    name: str, root: Path, tokenizer: Any, texts: Sequence[str], options: argparse.Namespace
) -> dict[str, Any]:
    """Measure the toxicity runner and Detoxify on one shape."""
    from detoxify import Detoxify

    checkpoint = make_checkpoint(root, name, tokenizer)
    models = Models(ModelsConfig(toxicity=str(checkpoint), device=options.device, dtype=options.dtype))
    ours = models.classifier("toxicity")
    library = Detoxify(checkpoint=str(checkpoint), device=models.device.name)
    library.model.eval()
    lengths = [min(len(ids), 512) for ids in tokenizer(list(texts))["input_ids"]]

    def batches() -> list[Any]:
        return [library.predict(list(texts[k : k + 32])) for k in range(0, len(texts), 32)]

    def single() -> list[Any]:
        return [library.predict(text) for text in texts]

    shape = SHAPES[name]
    hidden = shape["hidden_size"]
    useful = operations(lengths, layers=shape["num_hidden_layers"], hidden=hidden, inner=4 * hidden)
    runs: dict[str, Callable[[], Any]] = {
        "ours": lambda: ours.windowed_logits(texts),
        "Detoxify.predict, one text": single,
        "Detoxify.predict, 32 texts": batches,
    }
    found = measure(runs, count=len(texts), tokens=sum(lengths), useful=useful, rounds=options.rounds)
    expected = [row["toxicity"] for row in single()]
    logits = [float(rows[0, 0]) for rows in ours.windowed_logits(texts)]
    import numpy as np

    found["max_abs_difference"] = float(np.abs(1 / (1 + np.exp(-np.array(logits))) - np.array(expected)).max())
    return found


def encoder(texts: Sequence[str], options: argparse.Namespace) -> dict[str, Any]:
    """Measure the sentence encoder and sentence-transformers on MiniLM."""
    import numpy as np
    from sentence_transformers import SentenceTransformer

    from watchglass_evaluators.models.weights import packaged_minilm

    models = Models(ModelsConfig(device=options.device, dtype=options.dtype))
    ours = models.embedder()
    library = SentenceTransformer(packaged_minilm(), device=models.device.name)
    lengths = [min(len(ids), 256) for ids in library.tokenizer(list(texts), verbose=False)["input_ids"]]
    useful = operations(lengths, layers=6, hidden=384, inner=1536)
    runs: dict[str, Callable[[], Any]] = {
        "ours": lambda: ours._computed(texts),  # behind the memory of equal texts
        "SentenceTransformer.encode": lambda: library.encode(list(texts), show_progress_bar=False),
    }
    found = measure(runs, count=len(texts), tokens=sum(lengths), useful=useful, rounds=options.rounds)
    short = [number for number, length in enumerate(lengths) if length < 256]  # we read longer ones to their end
    theirs = library.encode([texts[number] for number in short], show_progress_bar=False)
    found["min_cosine"] = float((ours.texts([texts[number] for number in short]) * theirs).sum(1).min())
    assert np.isfinite(theirs).all()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*SHAPES, "minilm"]
    parser.add_argument("--models", default="roberta-base,xlm-roberta-base,minilm", help=f"of {', '.join(known)}")
    parser.add_argument("--texts", type=int, help="texts a round; 4096 on a GPU, 64 else")
    parser.add_argument("--topic", default="numpy", help="the package whose docstrings are the texts")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--dtype", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument("--threads", type=int, help="of a processor; all its cores by default")
    parser.add_argument("--peak-tflops", type=float, help="what the device's maker states for the dtype")
    options = parser.parse_args()
    wanted = options.models.split(",")
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"--models: {unknown[0]!r} is not one of {', '.join(known)}")
    warnings.filterwarnings("ignore")  # of the packages that are measured
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(options.threads or os.cpu_count() or 1)
    device = Models(ModelsConfig(device=options.device, dtype=options.dtype)).device
    peak = matmul_flops(device.name, device.torch_dtype)
    name = torch.cuda.get_device_name() if device.name == "cuda" else f"{torch.get_num_threads()} threads"
    result: dict[str, Any] = {
        "device": f"{device.name}, {name}, {device.dtype}",
        "torch": torch.__version__,
        "matmul_gflops": round(peak / 1e9, 1),
        "models": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        passages = corpus.passages(options.topic, limit=400)
        tokenizer = make_tokenizer(root / "tokenizer", passages)
        texts = make_texts(options.texts or (4096 if device.name == "cuda" else 64), passages, tokenizer)
        for model in wanted:
            found = encoder(texts, options) if model == "minilm" else toxicity(model, root, tokenizer, texts, options)
            useful = found["ours"]["useful_gflops"] * 1e9
            found["share_of_matmul"] = round(useful / peak, 3)
            if options.peak_tflops:
                found["share_of_peak"] = round(useful / options.peak_tflops / 1e12, 3)
            others = [row["texts_per_s"] for key, row in found.items() if isinstance(row, dict) and key != "ours"]
            found["times_the_better_other"] = round(found["ours"]["texts_per_s"] / max(others), 2)
            result["models"][model] = found
            say(f"{model}: {json.dumps(found)}")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
