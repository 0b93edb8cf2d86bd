"""A tiny Llama of random numbers with SmolLM2's vocabulary and chat template, for tests that do not read the text.

All formats hold the same numbers. The text is noise, but a model of this size answers in milliseconds on every engine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf as gguf_format
from numpy.typing import NDArray
from safetensors.numpy import load_file

from tabagent_weights import made, onnx_genai, packages
from tabagent_weights.run import python

# Large random weights keep the likeliest tokens apart, so that engines agree on them.
_WRITE = """
import sys, torch
from pathlib import Path
from transformers import AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM
source, target = Path(sys.argv[1]), sys.argv[2]
torch.manual_seed(5)
tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
tokens = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
          "pad_token_id": tokenizer.pad_token_id}
config = LlamaConfig(vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                     num_attention_heads=2, num_key_value_heads=1, head_dim=32, max_position_embeddings=8192,
                     initializer_range=0.3, tie_word_embeddings=True, **tokens)
model = LlamaForCausalLM(config)
model.generation_config = GenerationConfig(**tokens)
model.save_pretrained(target)
tokenizer.save_pretrained(target)
"""
_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def safetensors() -> Path:
    """Return Hugging Face's folder, float32 (13 MB)."""
    source = str(packages.smollm2_gguf())
    return made("tiny-llama", 1, lambda folder: python("-c", _WRITE, source, str(folder)))


def gguf(file_type: str) -> Path:
    """Return a GGUF file of that type, such as ``F32`` (13 MB) or ``Q8_0`` (3.6 MB)."""
    name = f"tiny-llama-{file_type}.gguf"

    def make(folder: Path) -> None:
        if file_type == "F32":
            write_gguf(safetensors(), folder / name)
        else:
            from tabagent_model import quantize_gguf  # noqa: PLC0415  # see smollm2.gguf

            quantize_gguf(gguf("F32"), folder / name, file_type)

    return made(f"tiny-llama-gguf-{file_type.lower()}", 1, make) / name


def onnx(precision: str) -> Path:
    """Return a folder for onnxruntime-genai, ``fp32`` or ``int4``."""
    return onnx_genai.made_of("tiny-llama", safetensors, precision)


def write_gguf(source: Path, target: Path, spellings: Mapping[str, str] | None = None) -> None:
    """Write a GGUF file of a Llama in Hugging Face's folder, with SmolLM2's vocabulary but for some ``spellings``."""
    new = spellings or {}
    config = json.loads((source / "config.json").read_text())
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer = gguf_format.GGUFWriter(target, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_file_type(gguf_format.LlamaFileType.ALL_F32)
    for field in gguf_format.GGUFReader(packages.smollm2_gguf()).fields.values():
        if field.name.startswith("tokenizer."):
            inner = field.types[1] if field.types[0] == gguf_format.GGUFValueType.ARRAY else None
            content = field.contents()
            if field.name == "tokenizer.ggml.tokens":
                content = [new.get(token, token) for token in content]
            if field.name == "tokenizer.chat_template":
                content = (source / "chat_template.jinja").read_text()
            writer.add_key_value(field.name, content, field.types[0], inner)
    for name, tensor in load_file(source / "model.safetensors").items():
        part = name.removeprefix("model.").removesuffix(".weight")
        if part.endswith(("q_proj", "k_proj")):
            tensor = _interleaved(tensor, heads if part.endswith("q_proj") else kv_heads)  # noqa: PLW2901
        writer.add_tensor(f"{_gguf_name(part)}.weight", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _gguf_name(part: str) -> str:
    if not part.startswith("layers."):
        return {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}[part]
    _, layer, inner = part.split(".", 2)
    return f"blk.{layer}.{_NAMES[inner]}"


def _interleaved(weight: NDArray[Any], heads: int) -> NDArray[Any]:
    """Reorder rows: llama.cpp rotates neighbouring dimensions, Transformers the two halves of a head."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, weight.shape[1])
    return halves.swapaxes(1, 2).reshape(weight.shape)
