"""The message schema as JSON Schema, from which the extension's TypeScript types are generated (``make types``)."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from native_host.protocol.messages.base import Message
from native_host.protocol.messages.events import EVENTS
from native_host.protocol.messages.requests import REQUESTS
from native_host.protocol.messages.results import RESULTS


class _Untitled(GenerateJsonSchema):
    """Without a title on every field, each of which would become a type."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # pydantic's signature
        return False


def json_schema() -> dict[str, Any]:
    """Every message under ``$defs``; ``AnyRequest`` and ``AnyEvent`` are the unions of what travels.

    What a client may leave out is optional in requests; results and events always have all their fields.
    """
    requests = _definitions(REQUESTS.values(), "validation")
    answers = _definitions([*EVENTS.values(), *RESULTS.values()], "serialization")
    unions = {"AnyRequest": _union(REQUESTS.values()), "AnyEvent": _union(EVENTS.values())}
    return {"$defs": {**requests, **answers, **unions}}


def _definitions(models: Any, mode: JsonSchemaMode) -> dict[str, Any]:
    inputs = [(model, mode) for model in dict.fromkeys(models)]
    _, schema = models_json_schema(inputs, schema_generator=_Untitled)
    definitions: dict[str, Any] = schema["$defs"]
    return definitions


def _union(models: Any) -> dict[str, Any]:
    references: list[type[Message]] = list(dict.fromkeys(models))
    return {"anyOf": [{"$ref": f"#/$defs/{model.__name__}"} for model in references]}
