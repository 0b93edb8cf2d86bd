"""LiteRT: language models (.litertlm, .task) through LiteRT-LM, plain graphs (.tflite) through the interpreter.

LiteRT-LM writes one answer after another, and has neither ``min_p`` nor ``repeat_penalty``.
"""

from backends.contract import EngineDescriptor

_GRAPHS = (
    "audio-classification",
    "feature-extraction",
    "image-classification",
    "image-feature-extraction",
    "image-segmentation",
    "keypoint-detection",
    "object-detection",
    "text-classification",
)
"""What graphs may be for; their numbers go in and out whatever it is."""

DESCRIPTOR = EngineDescriptor(
    name="litert",
    language="python",
    engine="backends.litert.engine:LitertEngine",
    formats=("litertlm", "task", "tflite"),
    tasks=("text-generation", *_GRAPHS),
    capabilities=("streaming", "cancel", "seed", "stop", "tools", "tokenize", "infer"),
    requires=("litert_lm", "ai_edge_litert"),
    install_hint="uv pip install 'tabagent[litert]'",
)
