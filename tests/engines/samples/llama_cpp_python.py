"""Models for ``llama_cpp_python``."""

from tabagent_weights import tiny_llama
from tests.engines.sample import Sample

SAMPLES = (Sample("chat", lambda: tiny_llama.gguf("Q8_0"), ("generate", "chat", "tokenize")),)
