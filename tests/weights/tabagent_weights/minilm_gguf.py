"""all-MiniLM-L6-v2, and a ranking model on its body, as GGUF files for llama.cpp.

Names and keys: <https://github.com/ggml-org/llama.cpp/blob/master/gguf-py/gguf/constants.py>.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import gguf
from safetensors.numpy import load_file

from tabagent_weights import made, packages, tiny_bert

_HEAD = {"pooler.dense": "cls", "classifier": "cls.output"}
_BODY = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_NAME = re.compile(r"(?:bert\.)?(?:encoder\.layer\.(?P<layer>\d+)\.)?(?P<part>.+)\.(?P<kind>weight|bias)")
_WORD = "\u2581"
"""Before what begins a word; what goes on with one, ``##`` in BERT's own files, has nothing before it."""


def embeds() -> Path:
    """The embedding model, float32."""

    def make(folder: Path) -> None:
        _write(packages.minilm_safetensors(), folder / "model.gguf", gguf.PoolingType.MEAN, _BODY, segments=2)

    return made("minilm-gguf", 1, make) / "model.gguf"


def ranks(*, segments: int) -> Path:
    """``tiny_bert``'s ranking model. llama.cpp computes the first segment alone."""

    def make(folder: Path) -> None:
        source = tiny_bert.made_for(labels=1)
        _write(source, folder / "model.gguf", gguf.PoolingType.RANK, _BODY | _HEAD, segments=segments)

    return made(f"tiny-bert-gguf-{segments}", 1, make) / "model.gguf"


def _write(source: Path, target: Path, pooling: gguf.PoolingType, names: dict[str, str], *, segments: int) -> None:
    config = json.loads((source / "config.json").read_text())
    writer = gguf.GGUFWriter(target, "bert")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _add_vocabulary(writer, (source / "vocab.txt").read_text(encoding="utf-8").splitlines())
    writer.add_token_type_count(segments)
    for name, tensor in load_file(source / "model.safetensors").items():
        found = _NAME.fullmatch(name)
        if found is None or found["part"] not in names:
            continue
        part = names[found["part"]]
        block = f"blk.{found['layer']}." if found["layer"] else ""
        writer.add_tensor(f"{block}{part}.{found['kind']}", tensor[:segments] if part == "token_types" else tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: gguf.GGUFWriter, words: list[str]) -> None:
    control = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

    def spelt(word: str) -> str:
        if word in control:
            return word
        return word.removeprefix("##") if word.startswith("##") and word != "##" else _WORD + word

    types = [gguf.TokenType.CONTROL if word in control else gguf.TokenType.NORMAL for word in words]
    writer.add_tokenizer_model("bert")
    writer.add_token_list([spelt(word) for word in words])
    writer.add_token_types(types)
    writer.add_pad_token_id(words.index("[PAD]"))
    writer.add_unk_token_id(words.index("[UNK]"))
    writer.add_bos_token_id(words.index("[CLS]"))
    writer.add_sep_token_id(words.index("[SEP]"))
    writer.add_mask_token_id(words.index("[MASK]"))
