"""Models for ``onnxruntime``."""

from tabagent_weights import minilm, speech_onnx, tiny_llama
from tests.engines.sample import Sample
from tests.sounds import hum

CLASSIFIES = {"text": "what a fine day"}

SAMPLES = (
    Sample("chat", lambda: tiny_llama.onnx("fp32"), ("generate", "chat", "tokenize")),
    Sample("chat4", lambda: tiny_llama.onnx("int4"), ("generate", "chat", "tokenize")),
    Sample("embeddings", minilm.onnx_float, ("embed", "tokenize")),
    Sample("embeddings8", minilm.onnx_int8, ("embed", "tokenize")),
    Sample("reranker", lambda: minilm.onnx_classifier(labels=1), ("rerank",)),
    Sample("classifier", lambda: minilm.onnx_classifier(labels=3), ("infer",), infer=lambda: CLASSIFIES),
    Sample("speech", speech_onnx.hears, ("infer",), infer=lambda: {"audio": hum()}),
    Sample("whisper", speech_onnx.whispers, ("infer",), infer=lambda: {"audio": hum()}),
)
