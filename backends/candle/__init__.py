"""Safetensors and GGUF through candle, in Rust and in process: ``tabagent_model.CandleModel``."""

from backends.contract import EngineDescriptor

DESCRIPTOR = EngineDescriptor(
    name="candle",
    language="rust",
    engine="backends.candle.engine:CandleEngine",
    formats=("safetensors", "pytorch", "gguf"),
    tasks=("text-generation",),
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
    ),
    requires=("tabagent_model",),
    install_hint="make wheel",
)
