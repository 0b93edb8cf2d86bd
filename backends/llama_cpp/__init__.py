"""GGUF through llama.cpp, in process by FFI: the Rust wheel ``tabagent_model``."""

from backends.contract import EngineDescriptor

DESCRIPTOR = EngineDescriptor(
    name="llama_cpp",
    language="rust",
    engine="backends.llama_cpp.engine:LlamaCppEngine",
    formats=("gguf", "bitnet"),
    tasks=("text-generation", "chat", "feature-extraction", "sentence-similarity", "text-ranking"),
    capabilities=(
        "streaming",
        "cancel",
        "concurrent",
        "prefix_cache",
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
    ),
    requires=("tabagent_model",),
    install_hint="make wheel",
    uses_cpu_variants=True,
)
