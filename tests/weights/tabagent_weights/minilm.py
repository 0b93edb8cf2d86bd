"""all-MiniLM-L6-v2 and the classifiers on its body as ONNX graphs, beside the tokenizer that the packages lack."""

from __future__ import annotations

import shutil
from pathlib import Path

from tabagent_weights import made, packages, tiny_bert
from tabagent_weights.run import python

_EXPORT = """
import sys, torch
from transformers import AutoModel, AutoModelForSequenceClassification
source, target, kind = sys.argv[1:4]
auto, output = (AutoModel, "last_hidden_state") if kind == "embed" else (AutoModelForSequenceClassification, "logits")
model = auto.from_pretrained(source, attn_implementation="eager").eval()
names = ["input_ids", "attention_mask", "token_type_ids"]
class Graph(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = model
    def forward(self, *inputs):
        return getattr(self.model(**dict(zip(names, inputs))), output)
example = tuple(torch.ones(2, 8, dtype=torch.int64) for _ in names)
axes = {name: {0: "batch", 1: "tokens"} for name in names} | {output: {0: "batch"}}
torch.onnx.export(Graph(), example, target, input_names=names, output_names=[output], dynamic_axes=axes, dynamo=False)
"""
_BESIDE = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def onnx_float() -> Path:
    """The embedding model, float32."""
    return _exported("minilm-onnx", packages.minilm_safetensors(), "embed")


def onnx_classifier(*, labels: int) -> Path:
    """The classifier of ``tiny_bert``, float32."""
    return _exported(f"tiny-bert-onnx-{labels}", tiny_bert.made_for(labels=labels), "classify")


def onnx_int8() -> Path:
    """The embedding model, 8-bit, as a package carries it."""

    def make(folder: Path) -> None:
        shutil.copy(packages.minilm_int8(), folder / "model.onnx")
        _copy_configuration(packages.minilm_safetensors(), folder)

    return made("minilm-onnx-int8", 1, make) / "model.onnx"


def _exported(name: str, source: Path, kind: str) -> Path:
    def make(folder: Path) -> None:
        python("-c", _EXPORT, str(source), str(folder / "model.onnx"), kind)
        _copy_configuration(source, folder)

    return made(name, 1, make) / "model.onnx"


def _copy_configuration(source: Path, folder: Path) -> None:
    for name in (*_BESIDE, "modules.json", "sentence_bert_config.json"):
        if (source / name).is_file():
            shutil.copy(source / name, folder)
    if (source / "1_Pooling").is_dir():
        shutil.copytree(source / "1_Pooling", folder / "1_Pooling")
