"""Ollama's list of models, and its downloads: <https://github.com/ollama/ollama/blob/main/docs/api.md>."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backends.contract import PullProgress, ServedModel, Server
from backends.http.client import ServerClient, parse
from backends.http.openai import entries
from backends.text.control import Control

_EMBEDDING_FAMILIES = ("bert", "nomic-bert")


class OllamaCatalogue:
    """What Ollama has on its disk."""

    def __init__(self, server: Server) -> None:
        self._client = ServerClient(server, "download_failed")
        self._pulling = Control(0)

    def models(self) -> list[ServedModel]:
        """All of them, loaded or not."""
        found = entries(self._client.get("/api/tags"), self._client, "models")
        return [_served(it) for it in found if isinstance(it.get("name"), str)]

    def pull(self, model: str, progress: PullProgress) -> None:
        """Download. Ollama continues one that was cut, and ends it when we go."""
        parts: dict[str, tuple[int, int]] = {}
        status = ""
        for event in events(self._client, "/api/pull", {"model": model, "stream": True}, self._pulling):
            status = str(event.get("status", ""))
            total, done = event.get("total"), event.get("completed", 0)
            if isinstance(total, int) and isinstance(done, int):
                parts[str(event.get("digest"))] = done, total
            progress(sum(done for done, _ in parts.values()), sum(total for _, total in parts.values()))
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
    family, kind, size = details.get("family"), details.get("quantization_level"), entry.get("size")
    return ServedModel(
        entry["name"],
        task="feature-extraction" if family in _EMBEDDING_FAMILIES else "text-generation",
        architecture=family if isinstance(family, str) else None,
        quantisation=kind if isinstance(kind, str) else None,
        size_bytes=size if isinstance(size, int) else None,
    )
