"""From a JSON object to a request, or to the error that names what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.messages.requests import REQUESTS, RequestBase

_MISSING = "Field required"
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
        path, what = first_error(error.errors(include_url=False, include_context=False, include_input=False), message)
        hint = _WHEN_MISSING.get(path, "") if what == _MISSING else ""
        raise TabAgentError(ErrorCode.BAD_PARAM, f"{path}: {what}.{hint}", path=path) from error


def first_error(errors: Sequence[Mapping[str, Any]], value: object) -> tuple[str, str]:
    """Of pydantic's errors about ``value``, the JSON path of the first field that is wrong, and what is wrong.

    Where a field may be of several kinds there is an error for each: the one that got furthest into it was meant.
    """
    paths = [_path(error, value) for error in errors]
    same_field = [which for which, path in enumerate(paths) if path[: len(paths[0])] == paths[0]]
    furthest = max(same_field, key=lambda which: len(paths[which]))
    return ".".join(paths[furthest]), errors[furthest]["msg"].removeprefix("Value error, ")


def _path(error: Mapping[str, Any], value: Any) -> list[str]:
    """Without names that are not in the message: of kinds, and of places where a validator has put a value."""
    path = []
    *way, last = error["loc"] or ("",)
    for part in (*way, last):
        places = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        if part in places:
            path.append(str(part))
            value = value[part]
    return [*path, str(last)] if error["type"] == "missing" else path
