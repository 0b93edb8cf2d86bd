"""What travels towards the client."""

from __future__ import annotations

from typing import Any, Literal

from native_host.protocol.errors import ErrorCode
from native_host.protocol.messages.base import Id, Message


class ProgressEvent(Message):
    """Work before the answer. A download also tells its rate, the time left, and how far the current file is.

    A bench tells the ``engine`` that is at work.
    """

    id: Id
    event: Literal["progress"]
    stage: Literal["queued", "loading", "prefill", "downloading", "verifying", "measuring", "inferring"]
    done: int
    total: int
    unit: Literal["bytes", "tokens", "requests", "seconds"]
    bytes_per_second: float | None = None
    seconds_left: float | None = None
    file: str | None = None
    file_done: int | None = None
    file_total: int | None = None
    engine: str | None = None


class TopLogprob(Message):
    """A token, and the natural logarithm of its probability in the model's own distribution."""

    token: str
    logprob: float
    bytes: list[int]


class TokenLogprob(TopLogprob):
    """A token of the answer, and the likeliest at its place."""

    top_logprobs: list[TopLogprob]


class FunctionDelta(Message):
    """Arguments that a call grows by; ``name`` comes with the first."""

    name: str | None = None
    arguments: str


class ToolCallDelta(Message):
    """The next part of a call: the first has ``id``, ``type`` and the name. ``index`` counts the calls of an answer."""

    index: int
    id: str | None = None
    type: Literal["function"] | None = None
    function: FunctionDelta


class TokenEvent(Message):
    """The next piece of the answer, always whole code points; what the model thinks and calls is not in ``text``.

    The first one has ``prompt_tokens``, where the engine counts them.
    """

    id: Id
    event: Literal["token"]
    text: str
    reasoning: str | None = None
    tool_calls: list[ToolCallDelta] | None = None
    logprobs: list[TokenLogprob] | None = None
    prompt_tokens: int | None = None


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
