"""``/v1/models``: what is on disk and on known servers. Anthropic's clients ask here too, so it has their fields."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.messages.base import Message
from native_host.transports.http.service import Service
from native_host.transports.http.strict_route import StrictRoute

_EPOCH = "1970-01-01T00:00:00Z"


class Model(Message):
    """A model. When it was made is not known."""

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str
    type: str = "model"
    display_name: str
    created_at: str = _EPOCH
    tabagent: dict[str, Any]
    """The protocol's own entry."""


class ModelList(Message):
    """Every model."""

    object: str = "list"
    data: list[Model]
    has_more: bool = False
    first_id: str | None
    last_id: str | None


def routes(service: Service) -> APIRouter:
    """``GET /v1/models`` and ``GET /v1/models/NAME``."""
    router = APIRouter(tags=["OpenAI"], route_class=StrictRoute)

    @router.get("/v1/models", summary="The models.")
    async def models() -> ModelList:
        entries = [_model(entry) for entry in (await service.result("list_models"))["models"]]
        ends = (
            {"first_id": entries[0].id, "last_id": entries[-1].id} if entries else {"first_id": None, "last_id": None}
        )
        return ModelList(data=entries, **ends)

    @router.get("/v1/models/{name:path}", summary="One model.")
    async def model(name: str) -> Model:
        for entry in (await service.result("list_models"))["models"]:
            if entry["name"] == name:
                return _model(entry)
        raise TabAgentError(ErrorCode.MODEL_NOT_FOUND, f"There is no model {name[:200]!r}.", model=name[:200])

    return router


def _model(entry: dict[str, Any]) -> Model:
    kept = {key: value for key, value in entry.items() if key not in ("name", "path")}
    return Model(id=entry["name"], display_name=entry["name"], owned_by=entry["source"], tabagent=kept)
