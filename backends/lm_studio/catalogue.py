"""LM Studio's own list of models, since 0.4: <https://lmstudio.ai/docs/developer/rest/list>."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backends.contract import EngineError, PullProgress, ServedModel, Server
from backends.http.client import ServerClient
from backends.http.fields import count, is_name, label
from backends.http.openai import entries

_TASKS = {"llm": "text-generation", "embedding": "feature-extraction"}


class LMStudioCatalogue:
    """What LM Studio has on its disk."""

    def __init__(self, server: Server) -> None:
        self._client = ServerClient(server, "load_failed")

    def models(self) -> list[ServedModel]:
        """All of them, loaded or not."""
        return [_served(it) for it in self._entries()]

    def find(self, model: str) -> Mapping[str, Any]:
        """The entry of a model.

        Raises:
            EngineError: ``model_not_found``, and what keeps LM Studio from answering.
        """
        found = self._entries()
        entry = next((it for it in found if it["key"] == model), None)
        if entry is None:
            raise self._client.errors.no_such_model(model, [it["key"] for it in found])
        return entry

    def pull(self, model: str, progress: PullProgress) -> None:  # noqa: ARG002
        """Left to its own window, which shows what fits."""
        raise EngineError("unsupported_task", f"Download {model} in LM Studio itself.")

    def close(self) -> None:
        """Let go of its connections."""
        self._client.close()

    def _entries(self) -> list[dict[str, Any]]:
        found = entries(self._client.get("/api/v1/models"), self._client, "models")
        return [it for it in found if is_name(it.get("key"))]


def _served(entry: Mapping[str, Any]) -> ServedModel:
    quantisation = entry.get("quantization")
    return ServedModel(
        entry["key"],
        task=_TASKS.get(label(entry.get("type")) or ""),
        architecture=label(entry.get("architecture")),
        quantisation=label(quantisation.get("name")) if isinstance(quantisation, dict) else None,
        context_length=count(entry.get("max_context_length")),
        size_bytes=count(entry.get("size_bytes")),
    )
