"""What a request over HTTP can fail with: a status, and the body that the dialect's clients expect.

Codes are the protocol's (``native_host.protocol.errors``); those that only HTTP knows stand in ``docs/http.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import PurePath
from typing import Any

from native_host.protocol.errors import RETRYABLE, ErrorCode, RemoteProtocolError, TabAgentError

RETRY_AFTER_S = 2

_STATUS: dict[ErrorCode, int] = {
    ErrorCode.MODEL_NOT_FOUND: 404,
    ErrorCode.UNKNOWN_ACTION: 404,
    ErrorCode.FRAME_TOO_LARGE: 413,
    ErrorCode.REQUEST_TOO_LARGE: 413,
    ErrorCode.BUSY: 429,
    ErrorCode.DUPLICATE_ID: 409,
    ErrorCode.MODEL_IN_USE: 409,
    ErrorCode.GATED: 403,
    ErrorCode.FORMAT_REFUSED: 403,
    ErrorCode.REMOTE_CODE_REFUSED: 403,
    ErrorCode.NOT_REMOVABLE: 403,
    ErrorCode.HUB_UNAVAILABLE: 502,
    ErrorCode.DOWNLOAD_FAILED: 502,
    ErrorCode.ENGINE_UNAVAILABLE: 503,
    ErrorCode.INSUFFICIENT_MEMORY: 503,
    ErrorCode.OUT_OF_MEMORY: 503,
    ErrorCode.MODEL_UNLOADED: 503,
    ErrorCode.ENGINE_QUARANTINED: 503,
    ErrorCode.BROKER_UNAVAILABLE: 503,
    ErrorCode.BROKER_LOST: 503,
    ErrorCode.SHUTTING_DOWN: 503,
    ErrorCode.ENGINE_TIMEOUT: 504,
    ErrorCode.DISK_FULL: 507,
    ErrorCode.LOAD_FAILED: 500,
    ErrorCode.GENERATION_FAILED: 500,
    ErrorCode.ENGINE_CRASHED: 500,
    ErrorCode.INTERNAL_ERROR: 500,
    ErrorCode.CONFIG_UNWRITABLE: 500,
}
"""Of all others: 400, the request or the model it names is at fault."""

_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


class Failure(Exception):
    """A request that ends with ``status``. ``headers`` go with the answer."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        retryable: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.details = dict(details or {})
        self.retryable = retryable
        self.headers = dict(headers or {})

    @classmethod
    def of(cls, error: TabAgentError | RemoteProtocolError) -> Failure:
        """What the broker or the protocol reported, over HTTP."""
        is_callers = error.code is ErrorCode.LOAD_FAILED and not {"path", "device"}.isdisjoint(error.details)
        status = 400 if is_callers else _STATUS.get(error.code, 400)  # the model's file, or the device asked for
        headers = {"Retry-After": str(RETRY_AFTER_S)} if status in (429, 503) else {}
        retryable = error.code in RETRYABLE
        return cls(status, error.code.value, error.message, details=error.details, retryable=retryable, headers=headers)


def body(failure: Failure, path: str) -> dict[str, Any]:
    """The failure as the dialect that ``path`` belongs to has it."""
    if path.startswith("/v1/messages"):
        return {"type": "error", "error": {"type": _anthropic_type(failure.status), "message": failure.message}}
    if path.startswith("/v1/"):
        return {"error": _openai_error(failure)}
    if path == "/api" or path.startswith("/api/"):
        return {"error": failure.message, "code": failure.code}
    fields = {"code": failure.code, "message": failure.message}
    return {"error": {**fields, "details": failure.details, "retryable": failure.retryable}}


def defect() -> Failure:
    """An error that nobody foresaw."""
    return Failure(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "TabAgent has a defect; its log has the details."
    )


def _anthropic_type(status: int) -> str:
    return _ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


def _openai_error(failure: Failure) -> dict[str, Any]:
    kind = "server_error" if failure.status >= 500 else "invalid_request_error"
    if failure.status == HTTPStatus.TOO_MANY_REQUESTS:
        kind = "rate_limit_error"
    code = {"context_overflow": "context_length_exceeded", "unauthorized": "invalid_api_key"}.get(
        failure.code, failure.code
    )
    path = failure.details.get("path")
    param = None
    if isinstance(path, str) and not PurePath(path).is_absolute():  # a field, not a model's file
        param = path.removeprefix("options.")
    return {"message": failure.message, "type": kind, "param": param, "code": code, "details": failure.details}
