"""``GET /models``, and what llama-server and vLLM say in it beyond OpenAI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backends.contract import EngineError, PullProgress, ServedModel, Server
from backends.http.client import ServerClient
from backends.http.fields import count, is_name, label
from backends.http.openai import api_base, entries


class OpenAICatalogue:
    """What a server has."""

    def __init__(self, server: Server) -> None:
        root, base = api_base(server.url)
        self._client = ServerClient(server, "load_failed", root)
        self._path = f"{base}/models"

    def models(self) -> list[ServedModel]:
        """All of them; what each is for, no server of this kind tells."""
        return [served(it) for it in self._entries()]

    def find(self, model: str) -> Mapping[str, Any]:
        """The entry of a model. A server that lists nothing may have any.

        Raises:
            EngineError: ``model_not_found``, and what keeps the server from answering.
        """
        try:
            found = self._entries()
        except EngineError as error:
            if error.code != "unsupported_task":
                raise
            return {"id": model}
        entry = next((it for it in found if it["id"] == model), None)
        if entry is None:
            raise self._client.errors.no_such_model(model, [it["id"] for it in found])
        return entry

    def pull(self, model: str, progress: PullProgress) -> None:  # noqa: ARG002
        """Not in this dialect."""
        raise EngineError("unsupported_task", f"This server cannot be told to download {model}.")

    def close(self) -> None:
        """Let go of its connections."""
        self._client.close()

    def _entries(self) -> list[dict[str, Any]]:
        found = entries(self._client.get(self._path), self._client)
        return [it for it in found if is_name(it.get("id"))]


def served(entry: Mapping[str, Any]) -> ServedModel:
    """An entry as the contract has it."""
    about = meta(entry)
    lengths = (count(it) for it in (about.get("n_ctx"), about.get("n_ctx_train"), entry.get("max_model_len")))
    return ServedModel(
        entry["id"],
        context_length=next(filter(None, lengths), None),
        size_bytes=count(about.get("size")),
        quantisation=label(about.get("ftype")),
    )


def meta(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """What llama-server says about the model; empty of others."""
    found = entry.get("meta")
    return found if isinstance(found, dict) else {}
