"""Models for ``candle``."""

from tabagent_weights import smollm2
from tests.engines.sample import Sample

_TEXT = ("generate", "chat", "tokenize")

SAMPLES = (
    Sample("safetensors", lambda: smollm2.safetensors() / "model.safetensors", _TEXT, answers=True),
    Sample("gguf", lambda: smollm2.gguf("F32"), _TEXT, answers=True),
)
