"""The engine behind ``lm_studio``. What LM Studio had loaded before stays; what was loaded for us goes with us.

<https://lmstudio.ai/docs/developer/rest/load>, <https://lmstudio.ai/docs/developer/rest/unload>.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing, suppress
from typing import Any

from backends.contract import Action, EngineError, LoadProgress, LoadRequest, ModelInfo, Sampling
from backends.http.client import ServerClient
from backends.http.fields import is_name, label, size
from backends.http.openai import OpenAIEngine, Target, standard_sampling
from backends.lm_studio.catalogue import LMStudioCatalogue

_ACTIONS: Mapping[str, tuple[Action, ...]] = {"embedding": ("embed",)}


class LMStudioEngine(OpenAIEngine):
    """One model of LM Studio."""

    def __init__(self) -> None:
        self._loaded_here: str | None = None

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """Have it loaded, unless it is."""
        server, model = request.server, request.served_as
        assert server is not None, "the broker names a server to those who use the network"
        with closing(LMStudioCatalogue(server)) as catalogue:
            entry = catalogue.find(model)
        with closing(ServerClient(server, "load_failed")) as client:
            instance, config = self._instance(client, entry, model, request.context_length)
        progress(1.0)
        self._target = Target(ServerClient(server, "generation_failed"), "/v1", instance)
        longest = size(entry.get("max_context_length"))
        return ModelInfo(
            architecture=label(entry.get("architecture")) or "",
            context_length=size(config.get("context_length")) or longest,
            context_train_length=longest,
            vocab_size=0,
            embedding_length=0,
            size_bytes=size(entry.get("size_bytes")),
            chat_template=True,
            actions=_ACTIONS.get(label(entry.get("type")) or "", ("generate", "chat")),
            details={"server": server.name, "url": server.url, "model": model, "instance": instance},
        )

    def close(self) -> None:
        """Unload what was loaded for us."""
        if self._loaded_here is not None:
            with suppress(EngineError):
                self._target.client.post("/api/v1/models/unload", {"instance_id": self._loaded_here})
        super().close()

    def _instance(
        self, client: ServerClient, entry: Mapping[str, Any], model: str, context_length: int | None
    ) -> tuple[str, Mapping[str, Any]]:
        """A loaded instance with a context that suffices, and its configuration."""
        loaded = entry.get("loaded_instances")
        for instance in loaded if isinstance(loaded, list) else ():
            config = instance.get("config") if isinstance(instance, dict) else None
            if not isinstance(config, dict) or not is_name(instance.get("id")):
                continue
            if context_length in (None, config.get("context_length")):
                return instance["id"], config
        context = {} if context_length is None else {"context_length": context_length}
        answer = client.post("/api/v1/models/load", {"model": model, **context, "echo_load_config": True})
        if not is_name(answer.get("instance_id")):
            raise client.errors.nonsense(json.dumps(answer), "an instance of the model")
        self._loaded_here = answer["instance_id"]
        config = answer.get("load_config")
        return answer["instance_id"], config if isinstance(config, dict) else context

    def _sampling(self, sampling: Sampling) -> dict[str, Any]:
        more = {"top_k": sampling.top_k, "min_p": sampling.min_p, "repeat_penalty": sampling.repeat_penalty}
        return {**standard_sampling(sampling), **more}
