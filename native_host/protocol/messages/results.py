"""What ``done`` carries, per action."""

from __future__ import annotations

from typing import Literal

from native_host.protocol.messages.base import Message


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
    size_bytes: int
    source: str
    loaded: bool


class ListModelsResult(Message):
    """Answer to ``list_models``."""

    models: list[ModelEntry]


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
    load_ms: float
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
    """Answer to ``generate`` and ``chat``."""

    text: str
    finish_reason: Literal["stop", "length"]
    model: str
    engine: str
    usage: Usage
    timings: Timings


class TokenizeResult(Message):
    """Answer to ``tokenize``."""

    tokens: list[int]
    count: int


class CancelResult(Message):
    """Answer to ``cancel``."""

    cancelled: bool


RESULTS: dict[str, type[Message]] = {
    "hello": HelloResult,
    "status": StatusResult,
    "hardware": HardwareResult,
    "list_models": ListModelsResult,
    "load_model": LoadModelResult,
    "unload_model": UnloadModelResult,
    "generate": GenerateResult,
    "chat": GenerateResult,
    "tokenize": TokenizeResult,
    "cancel": CancelResult,
}
