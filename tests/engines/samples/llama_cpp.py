"""Models for ``llama_cpp``."""

from tabagent_weights import minilm_gguf, packages
from tests.engines.sample import Sample

SAMPLES = (
    Sample("chat", packages.smollm2_gguf, ("generate", "chat", "tokenize"), answers=True),
    Sample("embeddings", minilm_gguf.embeds, ("embed", "tokenize")),
    Sample("reranker", lambda: minilm_gguf.ranks(segments=1), ("rerank", "tokenize")),
)
