"""The engine behind ``openai_compatible``. The chat template, and what content can do to it, are the server's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from backends.contract import Action, LoadProgress, LoadRequest, ModelInfo, Sampling
from backends.http.client import ServerClient
from backends.http.fields import count, label, size
from backends.http.openai import OpenAIEngine, Target, api_base, standard_sampling
from backends.openai_compatible.catalogue import OpenAICatalogue, meta, served

_REPEAT_WINDOW = 64


def _of_llama_server(sampling: Sampling) -> dict[str, Any]:
    return {
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repeat_penalty,
        "repeat_last_n": _REPEAT_WINDOW,
    }


def _of_vllm(sampling: Sampling) -> dict[str, Any]:
    return {
        "top_k": sampling.top_k or -1,
        "min_p": sampling.min_p,
        "repetition_penalty": sampling.repeat_penalty,
    }


_MORE_SAMPLING: Mapping[str, Callable[[Sampling], dict[str, Any]]] = {
    "llamacpp": _of_llama_server,
    "vllm": _of_vllm,
}
"""``owned_by`` in a server's listing → what it takes beyond OpenAI's parameters."""
_ACTIONS: Mapping[str, tuple[Action, ...]] = {"llamacpp": ("generate", "chat", "tokenize", "embed")}
"""Likewise → what it does. vLLM's tokenizer cannot leave control tokens unparsed."""


class OpenAICompatibleEngine(OpenAIEngine):
    """One model of one server."""

    def __init__(self) -> None:
        self._owner = ""

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """See that the server has it; loading is the server's own business."""
        server, model = request.server, request.served_as
        assert server is not None, "the broker names a server to those who use the network"
        with closing(OpenAICatalogue(server)) as catalogue:
            entry = catalogue.find(model)
        progress(1.0)
        self._owner = label(entry.get("owned_by")) or ""
        root, base = api_base(server.url)
        self._target = Target(ServerClient(server, "generation_failed", root), base, model)
        known, about = served(entry), meta(entry)
        return ModelInfo(
            architecture="",
            context_length=known.context_length or 0,
            context_train_length=size(about.get("n_ctx_train")) or known.context_length or 0,
            vocab_size=size(about.get("n_vocab")),
            embedding_length=size(about.get("n_embd")),
            size_bytes=known.size_bytes or 0,
            chat_template=True,
            actions=_ACTIONS.get(self._owner, ("generate", "chat", "embed")),
            details={"server": server.name, "url": server.url, "model": model, "owned_by": self._owner},
        )

    def tokenize(self, text: str, *, special: bool, add_special: bool) -> list[int]:
        """Token ids, from llama-server's own endpoint."""
        client = self._target.client
        answer = client.post("/tokenize", {"content": text, "parse_special": special, "add_special": add_special})
        tokens = answer.get("tokens")
        if not isinstance(tokens, list) or any(count(token) is None for token in tokens):
            raise client.errors.nonsense(json.dumps(answer), "tokens")
        return tokens

    def _sampling(self, sampling: Sampling) -> dict[str, Any]:
        more = _MORE_SAMPLING.get(self._owner)
        return {**standard_sampling(sampling), **(more(sampling) if more else {})}
