"""What ``done`` carries for models in memory: loaded, unloaded, measured."""

from __future__ import annotations

from native_host.protocol.messages.base import Message


class EngineFallback(Message):
    """An engine that was tried before the one that serves, and why it does not."""

    engine: str
    code: str
    message: str


class LoadModelResult(Message):
    """Answer to ``load_model``. ``details`` are the engine's own.

    ``chat_template_changed``: the model had another chat template, or none, when it was loaded before.
    """

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
    chat_template_sha256: str | None
    chat_template_changed: bool
    actions: list[str]
    load_ms: float
    fallbacks: list[EngineFallback]
    details: dict[str, str | int | float | bool]


class UnloadModelResult(Message):
    """Answer to ``unload_model``."""

    model: str
    unloaded: bool


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
