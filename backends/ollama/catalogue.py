"""Ollama's list of models, and its downloads: <https://github.com/ollama/ollama/blob/main/docs/api.md>."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backends.contract import PullProgress, ServedModel, Server
from backends.http.client import ServerClient
from backends.http.fields import MAX_COUNT, count, is_name, label, parse
from backends.http.openai import entries
from backends.text.control import Control

_EMBEDDING_FAMILIES = ("bert", "nomic-bert")
_MOST_PARTS = 1000
"""Layers of a model; Ollama's have a handful."""


class OllamaCatalogue:
    """What Ollama has on its disk."""

    def __init__(self, server: Server) -> None:
        self._client = ServerClient(server, "download_failed")
        self._pulling = Control(0)

    def models(self) -> list[ServedModel]:
        """All of them, loaded or not."""
        found = entries(self._client.get("/api/tags"), self._client, "models")
        return [_served(it) for it in found if is_name(it.get("name"))]

    def pull(self, model: str, progress: PullProgress) -> None:
        """Download. Ollama continues one that was cut, and ends it when we go."""
        parts: dict[str, tuple[int, int]] = {}
        status = ""
        for event in events(self._client, "/api/pull", {"model": model, "stream": True}, self._pulling):
            status = str(event.get("status", ""))
            total, done = count(event.get("total")), count(event.get("completed", 0))
            if total is not None and done is not None and len(parts) < _MOST_PARTS:
                parts[label(event.get("digest")) or ""] = done, total
            all_done, all_bytes = (sum(sizes) for sizes in zip(*parts.values(), strict=True)) if parts else (0, 0)
            progress(min(all_done, MAX_COUNT), min(all_bytes, MAX_COUNT))
        if status != "success":
            raise self._client.errors.cut()

    def close(self) -> None:
        """End a download, and let go of its connections."""
        self._pulling.cancel()
        self._client.close()


def events(client: ServerClient, path: str, body: Mapping[str, Any], control: Control) -> Iterator[dict[str, Any]]:
    """Ollama's streams: an object a line.

    Raises:
        EngineError: it is something else, or reports an error.
    """
    for line in client.lines(path, body, control):
        if not line.strip():
            continue
        event = parse(line)
        if not isinstance(event, dict):
            raise client.errors.nonsense(line, "lines of JSON")
        if event.get("error"):
            raise client.errors.reported(event["error"])
        yield event


def _served(entry: Mapping[str, Any]) -> ServedModel:
    found = entry.get("details")
    details: Mapping[str, Any] = found if isinstance(found, dict) else {}
    family = label(details.get("family"))
    return ServedModel(
        entry["name"],
        task="feature-extraction" if family in _EMBEDDING_FAMILIES else "text-generation",
        architecture=family,
        quantisation=label(details.get("quantization_level")),
        size_bytes=count(entry.get("size")),
    )
