"""Models for ``candle``."""

from tabagent_weights import tiny_llama
from tests.engines.sample import Sample

_TEXT = ("generate", "chat", "tokenize")

SAMPLES = (
    Sample("safetensors", lambda: tiny_llama.safetensors() / "model.safetensors", _TEXT),
    Sample("gguf", lambda: tiny_llama.gguf("F32"), _TEXT),
)
