"""Models for ``transformers``."""

import base64
import io
import math

from PIL import Image

from tests.engines.sample import Sample
from tests.sounds import wav
from tests.weights import packages, smollm2, tiny_bert, tiny_senses


def gradient() -> str:
    """A picture of no meaning."""
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def hum() -> str:
    """A second of 220 Hz, at a rate that has to be changed."""
    return base64.b64encode(wav([math.sin(n / 44_100 * 220 * math.tau) for n in range(44_100)], 44_100)).decode()


SAMPLES = (
    Sample("chat", lambda: smollm2.safetensors() / "model.safetensors", ("generate", "chat", "tokenize"), answers=True),
    Sample("embeddings", lambda: packages.minilm_safetensors() / "model.safetensors", ("embed", "tokenize")),
    Sample("reranker", lambda: tiny_bert.made_for(labels=1) / "model.safetensors", ("rerank",)),
    Sample(
        "classifier",
        lambda: tiny_bert.made_for(labels=3) / "model.safetensors",
        ("infer",),
        infer=lambda: {"text": "what a fine day"},
    ),
    Sample("pictures", tiny_senses.sees, ("infer",), infer=lambda: {"image": gradient()}),
    Sample("speech", tiny_senses.hears, ("infer",), infer=lambda: {"audio": hum()}),
)
