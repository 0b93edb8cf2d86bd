"""The use cases about models on disk and in memory: list, load, unload."""

from __future__ import annotations

from native_host.core.model_library import ModelLibrary
from native_host.core.model_manager import ModelManager
from native_host.core.reply import Reply
from native_host.protocol.messages.requests import ListModelsRequest, LoadModelRequest, UnloadModelRequest
from native_host.protocol.messages.results import ListModelsResult, LoadModelResult, ModelEntry, UnloadModelResult


class ModelService:
    """What the library has, and what the manager keeps."""

    def __init__(self, library: ModelLibrary, models: ModelManager) -> None:
        self._library = library
        self._models = models

    async def list_models(self, _request: ListModelsRequest, _reply: Reply) -> ListModelsResult:
        """Every model on disk."""
        return ListModelsResult(
            models=[
                ModelEntry(
                    name=file.name,
                    path=str(file.path),
                    format=file.format,
                    size_bytes=file.size_bytes,
                    source=file.source,
                    loaded=self._models.is_loaded(file.path),
                )
                for file in self._library.models()
            ]
        )

    async def load_model(self, request: LoadModelRequest, reply: Reply) -> LoadModelResult:
        """Load a model and keep it."""
        model, already = await self._models.load(request.model, request.engine, request.options, reply)
        return LoadModelResult.model_validate(
            {
                **model.info,
                "model": model.file.name,
                "engine": model.engine.name,
                "already_loaded": already,
                "load_ms": model.load_ms,
            }
        )

    async def unload_model(self, request: UnloadModelRequest, _reply: Reply) -> UnloadModelResult:
        """End a model's worker."""
        name, unloaded = await self._models.unload(request.model)
        return UnloadModelResult(model=name, unloaded=unloaded)
