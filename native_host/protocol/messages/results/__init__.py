"""What ``done`` carries, per action."""

from __future__ import annotations

from native_host.protocol.messages.base import Message
from native_host.protocol.messages.results.answers import (
    EmbedResult,
    GenerateResult,
    InferResult,
    RerankResult,
    TokenizeResult,
)
from native_host.protocol.messages.results.library import (
    DetectModelResult,
    ListModelsResult,
    PullModelResult,
    RemoveModelResult,
    VerifyModelResult,
)
from native_host.protocol.messages.results.loading import (
    BenchModelResult,
    LoadModelResult,
    UnloadModelResult,
)
from native_host.protocol.messages.results.system import (
    CancelResult,
    HardwareResult,
    HelloResult,
    StatusResult,
)

RESULTS: dict[str, type[Message]] = {
    "hello": HelloResult,
    "status": StatusResult,
    "hardware": HardwareResult,
    "list_models": ListModelsResult,
    "detect_model": DetectModelResult,
    "pull_model": PullModelResult,
    "remove_model": RemoveModelResult,
    "verify_model": VerifyModelResult,
    "load_model": LoadModelResult,
    "unload_model": UnloadModelResult,
    "generate": GenerateResult,
    "chat": GenerateResult,
    "tokenize": TokenizeResult,
    "embed": EmbedResult,
    "rerank": RerankResult,
    "infer": InferResult,
    "bench_model": BenchModelResult,
    "cancel": CancelResult,
}
