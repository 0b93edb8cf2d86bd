"""The engine behind ``ollama``. What Ollama had loaded before stays; what was loaded for us goes with us.

Prompts that do not fit are refused, where Ollama alone would cut them: ``truncate`` and ``shift`` are off.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from typing import Any

from backends.contract import (
    Action,
    Conversation,
    Embeddings,
    EngineError,
    LoadProgress,
    LoadRequest,
    ModelInfo,
    Sampling,
    TextStream,
)
from backends.http.answer import Answer, Counts
from backends.http.client import ServerClient
from backends.http.fields import label, size
from backends.http.openai import entries, unit_vectors
from backends.ollama.catalogue import events
from backends.ollama.messages import conversation_body, piece_of
from backends.text.control import Control
from backends.text.stream import Pieces

_DEFAULT_CONTEXT = 4096
"""Ollama's own, where it does not say what it took."""
_REPEAT_WINDOW = 64
_WHOLE = {"truncate": False, "shift": False}
_ACTIONS: Mapping[str, tuple[Action, ...]] = {"completion": ("generate", "chat"), "embedding": ("embed",)}


class OllamaEngine:
    """One model of Ollama."""

    _client: ServerClient

    def __init__(self) -> None:
        self._model = ""
        self._context: dict[str, int] = {}
        self._loaded_here = False

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """Have it loaded, unless it is."""
        server, self._model = request.server, request.served_as
        assert server is not None, "the broker names a server to those who use the network"
        if request.context_length is not None:
            self._context = {"num_ctx": request.context_length}
        with closing(ServerClient(server, "load_failed")) as client:
            shown = client.post("/api/show", {"model": self._model})
            was_running = self._running(client)
            actions = _actions(shown)
            if "generate" in actions:
                client.post("/api/generate", self._about({"stream": False}))
            self._loaded_here = was_running is None
            running = self._running(client) or {}
        progress(1.0)
        self._client = ServerClient(server, "generation_failed")
        about = shown.get("model_info")
        facts: Mapping[str, Any] = about if isinstance(about, dict) else {}
        architecture = label(facts.get("general.architecture")) or ""
        longest = size(facts.get(f"{architecture}.context_length"))
        context = self._context.get("num_ctx") or size(running.get("context_length"))
        return ModelInfo(
            architecture=architecture,
            context_length=context or min(longest or _DEFAULT_CONTEXT, _DEFAULT_CONTEXT),
            context_train_length=longest,
            vocab_size=size(facts.get(f"{architecture}.vocab_size")),
            embedding_length=size(facts.get(f"{architecture}.embedding_length")),
            size_bytes=size(running.get("size")),
            chat_template=bool(shown.get("template")),
            actions=actions,
            details={"server": server.name, "url": server.url, "model": self._model},
        )

    def generate(self, prompt: str, sampling: Sampling, coalesce_ms: float) -> TextStream:  # noqa: ARG002  # see Answer
        """Continue plain text, without the model's template."""
        return self._answer("/api/generate", {"prompt": prompt, "raw": True}, sampling)

    def chat(self, conversation: Conversation, sampling: Sampling, coalesce_ms: float) -> TextStream:  # noqa: ARG002  # see Answer
        """Answer a conversation through Ollama's template."""
        return self._answer("/api/chat", conversation_body(conversation), sampling)

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """A vector for each text."""
        answer = self._client.post("/api/embed", self._about({"input": list(texts), "truncate": False}))
        found = answer.get("embeddings")
        vectors = unit_vectors(found if isinstance(found, list) else [], len(texts), self._client)
        return Embeddings(vectors, size(answer.get("prompt_eval_count")))

    def close(self) -> None:
        """Unload what was loaded for us."""
        if self._loaded_here:
            with suppress(EngineError):
                self._client.post("/api/generate", {"model": self._model, "keep_alive": 0, "stream": False})
        self._client.close()

    def _about(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A request about the model; another context than before would make Ollama load it again."""
        return {"model": self._model, **body, **({"options": self._context} if self._context else {})}

    def _running(self, client: ServerClient) -> Mapping[str, Any] | None:
        found = entries(client.get("/api/ps"), client, "models")
        return next((it for it in found if self._model in (it.get("name"), it.get("model"))), None)

    def _answer(self, path: str, content: Mapping[str, Any], sampling: Sampling) -> Answer:
        options = {
            **self._context,
            "num_predict": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "min_p": sampling.min_p,
            "repeat_penalty": sampling.repeat_penalty,
            "repeat_last_n": _REPEAT_WINDOW,
            "stop": list(sampling.stop),
        }
        if sampling.seed is not None:
            options["seed"] = sampling.seed
        form = {"format": json.loads(sampling.constraint.value)} if sampling.constraint else {}
        body = {"model": self._model, **content, **form, **_WHOLE, "stream": True, "options": options}
        return Answer(lambda *watch: self._pieces(path, body, *watch), sampling)

    def _pieces(self, path: str, body: Mapping[str, Any], control: Control, counts: Counts) -> Pieces:
        calls = 0
        for event in events(self._client, path, body, control):
            piece = piece_of(event, calls)
            if piece is not None:
                calls += len(piece.tool_calls)
                yield piece
            if event.get("done"):
                is_cut = event.get("done_reason") == "length"
                control.finish = "length" if is_cut else "tool_calls" if calls else "stop"
                counts.take(event.get("prompt_eval_count"), event.get("eval_count"))
                return
        raise self._client.errors.cut()


def _actions(shown: Mapping[str, Any]) -> tuple[Action, ...]:
    """What the model is said to be able to do; all of it where an older Ollama does not say."""
    capabilities = shown.get("capabilities")
    if not isinstance(capabilities, list):
        return ("generate", "chat", "embed")
    found = tuple(action for capability, them in _ACTIONS.items() if capability in capabilities for action in them)
    if not found:
        said = label(json.dumps(capabilities))
        raise EngineError("unsupported_task", f"This model of Ollama neither writes nor embeds text; it can: {said}.")
    return found
