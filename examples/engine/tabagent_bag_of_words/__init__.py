"""Embeddings that count the tokens of a text, by the vocabulary of any GGUF file."""

from backends.contract import EngineDescriptor

DESCRIPTOR = EngineDescriptor(
    name="bag_of_words",
    language="python",
    engine="tabagent_bag_of_words.engine:BagOfWords",
    formats=("gguf",),
    tasks=("feature-extraction",),
    capabilities=(),
    requires=(),
    install_hint="uv pip install examples/engine",
)
