"""Hugging Face weights through Transformers and PyTorch; never with code of the repository."""

from backends.contract import EngineDescriptor

DESCRIPTOR = EngineDescriptor(
    name="transformers",
    language="python",
    engine="backends.transformers.engine:TransformersEngine",
    formats=("safetensors", "pytorch"),
    tasks=(
        "text-generation",
        "feature-extraction",
        "sentence-similarity",
        "text-ranking",
        "text-classification",
        "automatic-speech-recognition",
        "image-classification",
        "image-text-to-text",
    ),
    capabilities=(
        "streaming",
        "cancel",
        "concurrent",
        "seed",
        "stop",
        "json_schema",
        "grammar",
        "tools",
        "tool_choice",
        "logprobs",
        "tokenize",
        "embed",
        "rerank",
        "infer",
    ),
    requires=("torch", "transformers", "accelerate"),
    install_hint="uv pip install 'tabagent[transformers]'",
)
