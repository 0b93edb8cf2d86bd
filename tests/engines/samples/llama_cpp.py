"""Models for ``llama_cpp``."""

from tabagent_weights import minilm_gguf, tiny_llama
from tests.engines.sample import Sample

SAMPLES = (
    Sample("chat", lambda: tiny_llama.gguf("Q8_0"), ("generate", "chat", "tokenize")),
    Sample("embeddings", minilm_gguf.embeds, ("embed", "tokenize")),
    Sample("reranker", lambda: minilm_gguf.ranks(segments=1), ("rerank", "tokenize")),
)
