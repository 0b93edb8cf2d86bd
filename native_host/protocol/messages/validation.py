"""From a JSON object to a request, or to the error that names what is wrong with it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.messages.requests import REQUESTS, RequestBase

_WHEN_MISSING = {"model": " list_models tells which there are, hello which is the default."}


def parse_request(message: dict[str, Any]) -> RequestBase:
    """A request as its model.

    Raises:
        TabAgentError: ``unknown_action``, or ``bad_param`` with the JSON path of the first field that is wrong.
    """
    model = REQUESTS.get(message["action"])
    if model is None:
        raise TabAgentError(
            ErrorCode.UNKNOWN_ACTION,
            f"There is no action {message['action'][:64]!r}.",
            actions=sorted(REQUESTS),
        )
    try:
        return model.model_validate(message)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        hint = _WHEN_MISSING.get(path, "") if first["type"] == "missing" else ""
        raise TabAgentError(ErrorCode.BAD_PARAM, f"{path}: {first['msg']}.{hint}", path=path) from error
