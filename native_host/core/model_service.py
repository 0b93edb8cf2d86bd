"""The use cases about models in memory: load, unload."""

from __future__ import annotations

from native_host.core.model_manager import ModelManager
from native_host.core.reply import Reply
from native_host.protocol.messages.requests import LoadModelRequest, UnloadModelRequest
from native_host.protocol.messages.results.loading import LoadModelResult, UnloadModelResult


class ModelService:
    """What the manager keeps."""

    def __init__(self, models: ModelManager) -> None:
        self._models = models

    async def load_model(self, request: LoadModelRequest, reply: Reply) -> LoadModelResult:
        """Load a model and keep it."""
        model, fallbacks, already = await self._models.load(request.model, request.engine, request.options, reply)
        return LoadModelResult.model_validate(
            {
                **model.info,
                "model": model.file.name,
                "engine": model.engine.name,
                "already_loaded": already,
                "chat_template_sha256": model.facts["chat_template_sha256"],
                "chat_template_changed": model.has_new_template,
                "load_ms": model.load_ms,
                "fallbacks": fallbacks,
            }
        )

    async def unload_model(self, request: UnloadModelRequest, _reply: Reply) -> UnloadModelResult:
        """End a model's worker."""
        name, unloaded = await self._models.unload(request.model)
        return UnloadModelResult(model=name, unloaded=unloaded)
