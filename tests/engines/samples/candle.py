"""Models for ``candle``."""

from tests.engines.sample import Sample
from tests.weights import smollm2

_TEXT = ("generate", "chat", "tokenize")

SAMPLES = (
    Sample("safetensors", lambda: smollm2.safetensors() / "model.safetensors", _TEXT, answers=True),
    Sample("gguf", lambda: smollm2.gguf("F32"), _TEXT, answers=True),
)
