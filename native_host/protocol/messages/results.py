"""What ``done`` carries, per action."""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue

from native_host.protocol.messages.base import Message
from native_host.protocol.messages.chat import ToolCall
from native_host.protocol.messages.events import TokenLogprob


class EngineInfo(Message):
    """An engine as its descriptor tells it."""

    name: str
    language: Literal["rust", "python"]
    formats: list[str]
    tasks: list[str]
    capabilities: list[str]
    available: bool
    install_hint: str


class Limits(Message):
    """What a client must stay under."""

    max_request_bytes: int
    max_in_flight: int


class HelloResult(Message):
    """Answer to ``hello``."""

    protocol: int
    version: str
    actions: list[str]
    engines: list[EngineInfo]
    limits: Limits
    default_model: str | None


class LoadedModel(Message):
    """A model with a worker. ``expires_in_s`` is null while it is busy or kept for ever."""

    model: str
    engine: str
    state: Literal["loading", "ready", "unloading"]
    pid: int | None
    context_length: int | None
    active_requests: int
    memory_bytes: int | None
    keep_alive_s: float
    expires_in_s: float | None


class StatusResult(Message):
    """Answer to ``status``."""

    version: str
    pid: int
    uptime_s: float
    clients: int
    models: list[LoadedModel]


class CpuVariant(Message):
    """A build of ggml's CPU code, and whether this machine runs it."""

    name: str
    supported: bool
    reason: str
    score: int


class Fallback(Message):
    """A variant that should have run but died when it was tried in a child process."""

    variant: str
    reason: str


class Cpu(Message):
    """The processor, and the ggml variant that serves on it."""

    vendor: str
    brand: str
    generation: str
    variant: str
    physical_cores: int
    logical_cores: int
    features: list[str]
    variants: list[CpuVariant]
    fallbacks: list[Fallback]


class Memory(Message):
    """Main memory."""

    total_bytes: int
    available_bytes: int


class HardwareResult(Message):
    """Answer to ``hardware``."""

    cpu: Cpu
    memory: Memory


class ModelEntry(Message):
    """A model on disk."""

    name: str
    path: str
    format: str
    quantisation: str | None
    task: str | None
    size_bytes: int
    source: str
    loaded: bool


class ListModelsResult(Message):
    """Answer to ``list_models``."""

    models: list[ModelEntry]


class EngineFallback(Message):
    """An engine that was tried before the one that serves, and why it does not."""

    engine: str
    code: str
    message: str


class Obstacle(Message):
    """What stands in the way of running a model: an error code, and a sentence that says what to do."""

    code: str
    message: str


class EnginePlace(Message):
    """An engine's place among those for a model."""

    engine: str
    reason: str
    obstacles: list[Obstacle]


class ModelPart(Message):
    """A file of a model; its path is from the model's folder."""

    path: str
    size_bytes: int | None
    sha256: str | None
    git_sha1: str | None


class MemoryNeeded(Message):
    """Memory for a KV cache of ``context_length`` tokens."""

    weights_bytes: int
    kv_cache_bytes: int
    workspace_bytes: int
    total_bytes: int
    context_length: int


class DetectModelResult(Message):
    """Answer to ``detect_model``; null where it is not known. Engines are keyed by what they are written in."""

    source: str
    path: str | None
    repo: str | None
    commit: str | None
    model_type: str
    architecture: str | None
    task: str | None
    quantisation: str | None
    parameters: int | None
    context_length: int | None
    size_bytes: int | None
    chat_template: bool
    license: str | None
    gated: str | None
    conversion: str | None
    obstacles: list[Obstacle]
    files: list[ModelPart]
    memory: MemoryNeeded | None
    backend: dict[Literal["Rust", "Python"], EnginePlace] | None
    alternatives: list[dict[Literal["Rust", "Python"], EnginePlace]]


class PullModelResult(Message):
    """Answer to ``pull_model``. ``model`` is its name in the library."""

    model: str
    path: str
    repo: str
    commit: str
    size_bytes: int


class RemoveModelResult(Message):
    """Answer to ``remove_model``."""

    model: str
    freed_bytes: int


class VerifiedFile(Message):
    """A file that was read again. ``verified`` is null where nothing tells what its hash should be."""

    path: str
    size_bytes: int
    verified: bool | None


class VerifyModelResult(Message):
    """Answer to ``verify_model``. ``valid``: the model is sound, and no file has another hash than it should."""

    model: str
    valid: bool
    files: list[VerifiedFile]


class LoadModelResult(Message):
    """Answer to ``load_model``. ``details`` are the engine's own."""

    model: str
    engine: str
    already_loaded: bool
    architecture: str
    context_length: int
    context_train_length: int
    vocab_size: int
    embedding_length: int
    size_bytes: int
    chat_template: bool
    actions: list[str]
    load_ms: float
    fallbacks: list[EngineFallback]
    details: dict[str, str | int | float | bool]


class UnloadModelResult(Message):
    """Answer to ``unload_model``."""

    model: str
    unloaded: bool


class Usage(Message):
    """Tokens. ``cached_tokens`` of the prompt were already in the KV cache."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int


class Timings(Message):
    """Where the time of an answer went."""

    queue_ms: float
    load_ms: float
    prefill_ms: float
    decode_ms: float
    time_to_first_token_ms: float
    prefill_tokens_per_second: float
    decode_tokens_per_second: float


class GenerateResult(Message):
    """Answer to ``generate`` and ``chat``. ``logprobs`` only where they were asked for."""

    text: str
    reasoning: str
    tool_calls: list[ToolCall]
    logprobs: list[TokenLogprob] | None
    finish_reason: Literal["stop", "length", "tool_calls"]
    model: str
    engine: str
    fallbacks: list[EngineFallback]
    usage: Usage
    timings: Timings


class TokenizeResult(Message):
    """Answer to ``tokenize``."""

    tokens: list[int]
    count: int


class InputUsage(Message):
    """Tokens of what was given."""

    prompt_tokens: int
    total_tokens: int


class EmbedResult(Message):
    """Answer to ``embed``: a vector of length 1 for each text, in their order."""

    model: str
    engine: str
    embeddings: list[list[float]]
    usage: InputUsage


class RankedDocument(Message):
    """A document's place in the request, and how well it answers the query (0 to 1)."""

    index: int
    relevance_score: float


class RerankResult(Message):
    """Answer to ``rerank``, the best first."""

    model: str
    engine: str
    results: list[RankedDocument]
    usage: InputUsage


class InferResult(Message):
    """Answer to ``infer``; ``output`` is as the hub's Inference API has it for the task."""

    model: str
    engine: str
    task: str | None
    output: JsonValue


class EngineSpeed(Message):
    """What an engine did. ``request_ms``: to read the prompt and write the answer at these rates, once it is loaded.

    ``recorded``: ``auto`` goes by it from now on.
    """

    engine: str
    prompt_tokens: int
    prefill_tokens_per_second: float
    decode_tokens_per_second: float
    request_ms: float
    load_ms: float
    memory_bytes: int
    recorded: bool


class BenchModelResult(Message):
    """Answer to ``bench_model``, the fastest first. ``auto_engine``: what ``auto`` takes from now on."""

    model: str
    prompt_tokens: int
    answer_tokens: int
    repeats: int
    measurements: list[EngineSpeed]
    failures: list[EngineFallback]
    auto_engine: str


class CancelResult(Message):
    """Answer to ``cancel``."""

    cancelled: bool


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
