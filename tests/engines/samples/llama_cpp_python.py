"""Models for ``llama_cpp_python``."""

from tabagent_weights import packages
from tests.engines.sample import Sample

SAMPLES = (Sample("chat", packages.smollm2_gguf, ("generate", "chat", "tokenize"), answers=True),)
