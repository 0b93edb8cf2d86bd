"""Models for ``transformers``."""

import base64
import io

from PIL import Image

from tabagent_weights import packages, seeing, tiny_bert, tiny_llama, tiny_senses
from tests.engines.sample import Sample
from tests.sounds import hum


def gradient() -> str:
    """A picture of no meaning."""
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


SAMPLES = (
    Sample("chat", lambda: tiny_llama.safetensors() / "model.safetensors", ("generate", "chat", "tokenize")),
    Sample("embeddings", lambda: packages.minilm_safetensors() / "model.safetensors", ("embed", "tokenize")),
    Sample("reranker", lambda: tiny_bert.made_for(labels=1) / "model.safetensors", ("rerank",)),
    Sample(
        "classifier",
        lambda: tiny_bert.made_for(labels=3) / "model.safetensors",
        ("infer",),
        infer=lambda: {"text": "what a fine day"},
    ),
    Sample("pictures", tiny_senses.sees, ("infer",), infer=lambda: {"image": gradient()}),
    Sample("sees", seeing.tiny_llama_sees, ("generate", "chat", "tokenize")),
    Sample("speech", tiny_senses.hears, ("infer",), infer=lambda: {"audio": hum()}),
    Sample("whisper", tiny_senses.whispers, ("infer",), infer=lambda: {"audio": hum()}),
)
