"""A model that a server has: named SERVER/MODEL, and described by the server instead of by its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from backends.contract import EngineDescriptor, ServedModel, Server

if TYPE_CHECKING:
    from tabagent_model import Backend, ModelFacts


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """``id`` is its name there. ``kind``: the dialect of the server, which stands where a file has its format."""

    server: Server
    kind: str
    id: str

    is_ours = False
    files = ()
    size_bytes = 0
    modified_at = None
    """Of this machine's memory and disk."""

    @property
    def name(self) -> str:
        """Its name in the library."""
        return f"{self.server.name}/{self.id}"

    @property
    def location(self) -> str:
        """What tells it from every other model: no path begins as a server's name does."""
        return self.name

    @property
    def title(self) -> str:
        """What another place would call the same model."""
        return self.id

    @property
    def source(self) -> str:
        """Who has it."""
        return self.server.name

    @property
    def load_fields(self) -> dict[str, Any]:
        """What an engine is told to find it; the key is among it."""
        return {"server": asdict(self.server), "served_as": self.id}


def facts(model: RemoteModel, told: ServedModel, engines: Sequence[EngineDescriptor]) -> ModelFacts:
    """What is known of it, in the form of what Rust knows of files. It takes no memory here."""
    able = sorted((it for it in engines if model.kind in it.formats), key=lambda it: it.formats.index(model.kind))
    places: list[Backend] = [
        {"Python": {"engine": it.name, "reason": f"it speaks with {model.server.name}", "obstacles": []}} for it in able
    ]
    return {
        "source": model.name,
        "path": None,
        "repo": None,
        "revision": None,
        "commit": None,
        "model_type": model.kind,
        "architecture": told.architecture,
        "task": told.task,
        "quantisation": told.quantisation,
        "parameters": None,
        "context_length": told.context_length,
        "size_bytes": told.size_bytes,
        "chat_template": told.task in (None, "text-generation"),
        "chat_template_sha256": None,
        "license": None,
        "gated": None,
        "conversion": None,
        "obstacles": [],
        "files": [],
        "memory": {
            "weights_bytes": 0,
            "kv_cache_bytes": 0,
            "workspace_bytes": 0,
            "total_bytes": 0,
            "context_length": told.context_length or 0,
        },
        "backend": places[0] if places else None,
        "alternatives": places[1:],
    }
