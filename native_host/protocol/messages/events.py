"""What travels towards the client."""

from __future__ import annotations

from typing import Any, Literal

from native_host.protocol.errors import ErrorCode
from native_host.protocol.messages.base import Id, Message


class ProgressEvent(Message):
    """Work before the answer. A download also tells its rate, the time left, and how far the current file is."""

    id: Id
    event: Literal["progress"]
    stage: Literal["queued", "loading", "prefill", "downloading", "verifying"]
    done: int
    total: int
    unit: Literal["bytes", "tokens", "requests"]
    bytes_per_second: float | None = None
    seconds_left: float | None = None
    file: str | None = None
    file_done: int | None = None
    file_total: int | None = None


class TokenEvent(Message):
    """The next piece of the answer, always whole code points."""

    id: Id
    event: Literal["token"]
    text: str


class ChunkEvent(Message):
    """A part of a message above 1 MiB."""

    id: Id | None
    event: Literal["chunk"]
    seq: int
    last: bool
    data: str


class DoneEvent(Message):
    """The request succeeded."""

    id: Id
    event: Literal["done"]
    result: dict[str, Any]


class ErrorInfo(Message):
    """Why a request failed."""

    code: ErrorCode
    message: str
    details: dict[str, Any]
    retryable: bool


class ErrorEvent(Message):
    """The request failed; without an id, what arrived was no request."""

    id: Id | None
    event: Literal["error"]
    error: ErrorInfo


class CancelledEvent(Message):
    """The request was stopped by ``cancel``."""

    id: Id
    event: Literal["cancelled"]


EVENTS: dict[str, type[Message]] = {
    "progress": ProgressEvent,
    "token": TokenEvent,
    "chunk": ChunkEvent,
    "done": DoneEvent,
    "error": ErrorEvent,
    "cancelled": CancelledEvent,
}
