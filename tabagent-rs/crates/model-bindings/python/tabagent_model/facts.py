"""Shapes of what ``detect_model`` takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict


class EngineFacts(TypedDict):
    """An engine of the caller's, for ``detect_model``. Empty ``tasks``: everything."""

    name: str
    language: Literal["rust", "python"]
    formats: Sequence[str]
    tasks: Sequence[str]
    installed: bool
    install_hint: str


class Obstacle(TypedDict):
    """What stands in the way: a code of PROTOCOL.md, and a sentence that says what to do."""

    code: str
    message: str


class EnginePlace(TypedDict):
    """An engine, why it stands where it stands, and what stands in its way."""

    engine: str
    reason: str
    obstacles: list[Obstacle]


Backend = dict[Literal["Rust", "Python"], EnginePlace]
"""One engine, under what it is written in."""


class ModelFileFacts(TypedDict):
    """A file of a model; its path is from the model's folder, with ``/``."""

    path: str
    size_bytes: int | None
    sha256: str | None
    git_sha1: str | None


class FoundModel(TypedDict):
    """A model that ``find_models`` found. ``files``: all of it, the entry (``path``) first."""

    path: str
    model_type: str
    quantisation: str | None
    files: list[str]


class FoundModels(TypedDict):
    """Models in a folder. ``left_out``: files with a model's extension whose names other systems read as paths."""

    models: list[FoundModel]
    left_out: list[str]


class MemoryFacts(TypedDict):
    """Memory that a model takes with a KV cache of ``context_length`` tokens; None: its weights alone."""

    weights_bytes: int
    kv_cache_bytes: int
    workspace_bytes: int
    total_bytes: int
    context_length: int | None


class ModelFacts(TypedDict):
    """What ``detect_model`` found; None where it is not known."""

    source: str
    path: str | None
    repo: str | None
    revision: str | None
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
    files: list[ModelFileFacts]
    memory: MemoryFacts | None
    backend: Backend | None
    alternatives: list[Backend]
