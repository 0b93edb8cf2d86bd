"""What ``done`` carries for the host itself: hello, status, hardware, cancel."""

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


class CancelResult(Message):
    """Answer to ``cancel``."""

    cancelled: bool
