"""Errors as an interface: stable codes, a sentence a person can act on, and named values.

    ProtocolError
      LocalProtocolError     we tried to send what the protocol forbids: a defect of ours
      RemoteProtocolError    the other side did; carries the code it is answered with
    TabAgentError            a request failed; becomes an ``error`` event

Codes are append-only. PROTOCOL.md lists the same codes with the same ``retryable`` flags, and a test compares the two.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    """Every code an ``error`` event can carry."""

    FRAME_TOO_LARGE = "frame_too_large"
    REQUEST_TOO_LARGE = "request_too_large"
    BAD_UTF8 = "bad_utf8"
    BAD_JSON = "bad_json"
    TOO_DEEP = "too_deep"
    DUPLICATE_KEY = "duplicate_key"
    BAD_REQUEST = "bad_request"
    DUPLICATE_ID = "duplicate_id"
    UNKNOWN_ACTION = "unknown_action"
    BAD_PARAM = "bad_param"
    BUSY = "busy"
    VERSION_MISMATCH = "version_mismatch"
    MODEL_NOT_FOUND = "model_not_found"
    MODEL_CORRUPT = "model_corrupt"
    UNSUPPORTED_FORMAT = "unsupported_format"
    UNSUPPORTED_ARCHITECTURE = "unsupported_architecture"
    ENGINE_UNAVAILABLE = "engine_unavailable"
    INSUFFICIENT_MEMORY = "insufficient_memory"
    OUT_OF_MEMORY = "out_of_memory"
    LOAD_FAILED = "load_failed"
    MODEL_UNLOADED = "model_unloaded"
    CONTEXT_OVERFLOW = "context_overflow"
    TEMPLATE_ERROR = "template_error"
    TEMPLATE_TIMEOUT = "template_timeout"
    GENERATION_FAILED = "generation_failed"
    ENGINE_CRASHED = "engine_crashed"
    ENGINE_TIMEOUT = "engine_timeout"
    ENGINE_QUARANTINED = "engine_quarantined"
    BROKER_UNAVAILABLE = "broker_unavailable"
    BROKER_LOST = "broker_lost"
    SHUTTING_DOWN = "shutting_down"
    INTERNAL_ERROR = "internal_error"
    FORMAT_REFUSED = "format_refused"
    REMOTE_CODE_REFUSED = "remote_code_refused"
    GATED = "gated"
    HUB_UNAVAILABLE = "hub_unavailable"
    DOWNLOAD_FAILED = "download_failed"
    DISK_FULL = "disk_full"
    MODEL_IN_USE = "model_in_use"
    NOT_REMOVABLE = "not_removable"
    UNSUPPORTED_TASK = "unsupported_task"
    CONFIG_UNWRITABLE = "config_unwritable"


RETRYABLE = frozenset(
    {
        ErrorCode.BUSY,
        ErrorCode.INSUFFICIENT_MEMORY,
        ErrorCode.OUT_OF_MEMORY,
        ErrorCode.MODEL_UNLOADED,
        ErrorCode.GENERATION_FAILED,
        ErrorCode.ENGINE_CRASHED,
        ErrorCode.ENGINE_TIMEOUT,
        ErrorCode.BROKER_UNAVAILABLE,
        ErrorCode.BROKER_LOST,
        ErrorCode.SHUTTING_DOWN,
        ErrorCode.HUB_UNAVAILABLE,
        ErrorCode.DOWNLOAD_FAILED,
        ErrorCode.DISK_FULL,
        ErrorCode.MODEL_IN_USE,
    }
)


class TabAgentError(Exception):
    """A request failed. ``details`` must be JSON: it is sent as it is."""

    def __init__(self, code: ErrorCode, message: str, /, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details

    def as_event(self, request_id: int | str | None) -> dict[str, Any]:
        """The ``error`` event that ends the request."""
        return {
            "id": request_id,
            "event": "error",
            "error": {
                "code": self.code.value,
                "message": self.message,
                "details": self.details,
                "retryable": self.code in RETRYABLE,
            },
        }

    @classmethod
    def from_event(cls, error: dict[str, Any]) -> TabAgentError:
        """The error that another process of ours reported in an event's ``error`` field."""
        return cls(ErrorCode(error["code"]), error["message"], **error.get("details", {}))


class ProtocolError(Exception):
    """One side broke the protocol; see the two subclasses for which."""


class LocalProtocolError(ProtocolError):
    """We were about to send what the protocol forbids."""


class RemoteProtocolError(ProtocolError):
    """The other side sent what the protocol forbids."""

    def __init__(self, code: ErrorCode, message: str, /, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details

    def as_event(self, request_id: int | str | None = None) -> dict[str, Any]:
        """The ``error`` event it is answered with."""
        return TabAgentError(self.code, self.message, **self.details).as_event(request_id)
