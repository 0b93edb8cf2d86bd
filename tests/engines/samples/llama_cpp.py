"""Models for ``llama_cpp``."""

from tests.engines.sample import Sample
from tests.weights import minilm_gguf, packages

SAMPLES = (
    Sample("chat", packages.smollm2_gguf, ("generate", "chat", "tokenize"), answers=True),
    Sample("embeddings", minilm_gguf.embeds, ("embed", "tokenize")),
    Sample("reranker", lambda: minilm_gguf.ranks(segments=1), ("rerank", "tokenize")),
)
