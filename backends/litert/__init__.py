"""LiteRT: language models (.litertlm) through LiteRT-LM, plain graphs (.tflite) through the interpreter."""

from backends.contract import EngineDescriptor

DESCRIPTOR = EngineDescriptor(
    name="litert",
    language="python",
    engine="backends.litert.engine:LitertEngine",
    formats=("litertlm", "task", "tflite"),
    tasks=("text-generation",),
    capabilities=("streaming", "cancel", "concurrent", "seed", "stop", "tokenize", "infer"),
    requires=("litert_lm", "ai_edge_litert"),
    install_hint="uv pip install 'tabagent[litert]'",
)
