"""Models for ``transformers``."""

from tests.engines.sample import Sample
from tests.weights import packages, smollm2, tiny_bert

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
)
