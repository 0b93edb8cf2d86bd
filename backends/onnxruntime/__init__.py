"""ONNX graphs through ONNX Runtime, language models through onnxruntime-genai."""

from backends.contract import EngineDescriptor

DESCRIPTOR = EngineDescriptor(
    name="onnxruntime",
    language="python",
    engine="backends.onnxruntime.engine:OnnxRuntimeEngine",
    formats=("onnx", "onnx-genai"),
    tasks=(
        "text-generation",
        "feature-extraction",
        "sentence-similarity",
        "text-ranking",
        "text-classification",
        "automatic-speech-recognition",
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
    requires=("onnxruntime", "onnxruntime_genai", "tokenizers"),
    install_hint="uv pip install 'tabagent[onnx]'",
)
