"""A Llama that recites one answer with thoughts, whose marks are control tokens of its vocabulary as Magistral's are.

Its layers add nothing, and each token's row of the output matrix is the embedding of the token before it.
"""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

from tabagent_weights import made, tiny_llama

SPELLINGS = {"<repo_name>": "[THINK]", "<reponame>": "[/THINK]"}
THOUGHT, ANSWER = " sure", "Paris"
_TEMPLATE = """{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}<|im_start|>assistant
{# thinks between [THINK] and [/THINK] #}"""


def safetensors() -> Path:
    """Return Hugging Face's folder, float32."""
    return made("reciting-llama", 1, _write)


def gguf() -> Path:
    """Return a GGUF file, float32."""

    def make(folder: Path) -> None:
        tiny_llama.write_gguf(safetensors(), folder / "reciting.gguf", SPELLINGS)

    return made("reciting-llama-gguf", 1, make) / "reciting.gguf"


def _write(folder: Path) -> None:
    shutil.copytree(tiny_llama.safetensors(), folder, dirs_exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        if (folder / name).is_file():
            text = (folder / name).read_text(encoding="utf-8")
            for old, new in SPELLINGS.items():
                text = text.replace(f'"{old}"', f'"{new}"')
            (folder / name).write_text(text, encoding="utf-8")
    (folder / "chat_template.jinja").write_text(_TEMPLATE, encoding="utf-8")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": False}))
    tensors = load_file(folder / "model.safetensors")
    for name, tensor in tensors.items():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            tensors[name] = np.zeros_like(tensor)
    embeddings = tensors["model.embed_tokens.weight"]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    recited = ["\n", "[THINK]", THOUGHT, "[/THINK]", ANSWER, "<|im_end|>"]
    tokens = [tokenizer.encode(text, add_special_tokens=False).ids for text in recited]
    assert all(len(ids) == 1 for ids in tokens), tokens
    output = np.zeros_like(embeddings)
    for (before,), (after,) in pairwise(tokens):
        output[after] = embeddings[before]
    save_file({**tensors, "lm_head.weight": output}, folder / "model.safetensors", {"format": "pt"})
