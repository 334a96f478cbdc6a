"""Small models with random weights, in the form of Detoxify's checkpoints and of the transformers package."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the models extra is not installed: pip install 'watchglass-server[models]'")

ORIGINAL = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
UNBIASED = [
    "toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit", "male",
    "female", "homosexual_gay_or_lesbian", "christian", "jewish", "muslim", "black", "white",
    "psychiatric_or_mental_illness",
]  # fmt: skip

WORDS = [
    "the",
    "order",
    "was",
    "sent",
    "on",
    "monday",
    "and",
    "should",
    "arrive",
    "within",
    "three",
    "days",
    "you",
    "are",
    "an",
    "idiot",
    "go",
    "away",
    "now",
    "please",
    "help",
    "me",
    "with",
    "this",
    "request",
    "because",
    "it",
    "may",
    "violate",
    "our",
    "policy",
    "what",
    "a",
    "wonderful",
    "answer",
    "that",
    "was",
    "never",
    "seen",
    "before",
]


def sentences(count: int, *, seed: int = 1, longest: int = 60) -> list[str]:
    choice = random.Random(seed)
    return [" ".join(choice.choices(WORDS, k=choice.randint(1, longest))) for _ in range(count)]


@dataclass(frozen=True)
class TinyModel:
    """A checkpoint of Detoxify, and the folder with its config and tokenizer."""

    checkpoint: Path
    folder: Path
    classes: list[str]


def _wordpiece(folder: Path) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(sentences(50), trainers.WordPieceTrainer(vocab_size=300, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = BertTokenizerFast(tokenizer_object=tokenizer, model_max_length=512)
    fast.save_pretrained(folder)
    return fast


def _bytes(folder: Path) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import RobertaTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(sentences(50), trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    fast = RobertaTokenizerFast(tokenizer_object=tokenizer, model_max_length=512)
    fast.save_pretrained(folder)
    return fast


def make_model(root: Path, family: str, *, labels: dict[int, str] | None = None) -> TinyModel:
    """A tiny classifier of one family; its checkpoint names the folder, as Detoxify needs it without a network."""
    import torch
    import transformers

    torch.manual_seed(7)
    folder = root / family
    folder.mkdir(parents=True)
    classes = list(labels.values()) if labels else ORIGINAL if family == "bert" else UNBIASED
    tokenizer = _wordpiece(folder) if family == "bert" else _bytes(folder)
    shape = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    if family == "bert":
        config: Any = transformers.BertConfig(vocab_size=len(tokenizer), **shape)
    else:
        config_class = transformers.XLMRobertaConfig if family == "xlm-roberta" else transformers.RobertaConfig
        config = config_class(vocab_size=len(tokenizer), max_position_embeddings=514, type_vocab_size=1, **shape)
    config.num_labels = len(classes)
    if labels:
        config.id2label, config.label2id = labels, {name: number for number, name in labels.items()}
    name = {"bert": "Bert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta"}[family]
    model = getattr(transformers, f"{name}ForSequenceClassification")(config).eval()
    for parameter in model.parameters():  # fresh weights are so small that every answer is a half
        parameter.data *= 3
    config.save_pretrained(folder)
    model.save_pretrained(folder)
    tokenizer_name = f"{'Bert' if family == 'bert' else 'Roberta'}Tokenizer"
    arguments = {
        "model_type": str(folder),
        "model_name": f"{name}ForSequenceClassification",
        "tokenizer_name": tokenizer_name,
        "num_classes": len(classes),
    }
    checkpoint = root / f"{family}.ckpt"
    held = {
        "state_dict": model.state_dict(),
        "config": {"dataset": {"args": {"classes": classes}}, "arch": {"args": arguments}},
    }
    torch.save(held, checkpoint)
    return TinyModel(checkpoint, folder, classes)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TinyModel]:
    """tiny(family) -> a tiny toxicity model, made once."""
    made: dict[str, TinyModel] = {}

    def get(family: str) -> TinyModel:
        if family not in made:
            made[family] = make_model(tmp_path_factory.mktemp("models"), family)
        return made[family]

    return get


def make_language_model(folder: Path, *, context: int) -> Path:
    """A tiny GPT-2 with random weights."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(8)
    tokenizer = _bytes(folder)
    tokenizer.backend_tokenizer.post_processor = _plain()
    tokenizer.save_pretrained(folder)
    config = GPT2Config(vocab_size=len(tokenizer), n_positions=context, n_embd=32, n_layer=2, n_head=2)
    model = GPT2LMHeadModel(config).eval()
    for parameter in model.parameters():
        parameter.data *= 4
    model.save_pretrained(folder)
    return folder


def _plain() -> Any:
    from tokenizers import processors

    return processors.ByteLevel(trim_offsets=False)
