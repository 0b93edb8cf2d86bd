"""What ``done`` carries for models on disk: listed, detected, pulled, removed, verified."""

from __future__ import annotations

from typing import Literal

from native_host.protocol.messages.base import Message


class ModelEntry(Message):
    """A model on disk. ``modified_at``: when a file of it was last changed, in seconds since 1970."""

    name: str
    path: str
    format: str
    quantisation: str | None
    task: str | None
    size_bytes: int
    source: str
    loaded: bool
    architecture: str | None = None
    parameters: int | None = None
    modified_at: float | None = None


class ListModelsResult(Message):
    """Answer to ``list_models``."""

    models: list[ModelEntry]


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
    """Memory for a KV cache of ``context_length`` tokens; null: for the weights alone, as of a hub model."""

    weights_bytes: int
    kv_cache_bytes: int
    workspace_bytes: int
    total_bytes: int
    context_length: int | None


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
    chat_template_sha256: str | None
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
    """Answer to ``remove_model``: the files that were removed, or with ``dry_run`` would be."""

    model: str
    files: list[str]
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
