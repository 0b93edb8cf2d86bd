"""Models for ``llama_cpp_python``."""

from tests.engines.sample import Sample
from tests.weights import packages

SAMPLES = (Sample("chat", packages.smollm2_gguf, ("generate", "chat", "tokenize"), answers=True),)
