"""The two ends of a connection, sans-IO, after the manner of h11: ``receive_data``, ``next_event``, ``send``.

Law of the server end: every request that ``next_event`` hands out is ended by exactly one ``done``, ``error`` or
``cancelled``; everything else that arrives is answered by the connection itself, as a ``Refused``.

    id   unknown ──request──▶ in flight ──done | error | cancelled──▶ unknown
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from native_host.protocol import chunks, strict_json
from native_host.protocol.errors import ErrorCode, LocalProtocolError, RemoteProtocolError
from native_host.protocol.framing import (
    MAX_FRAME_TO_HOST,
    MAX_REQUEST,
    EndOfStream,
    FrameDecoder,
    OversizedFrame,
    Signal,
    encode_frame,
)

PROTOCOL_VERSION = 1
MAX_IN_FLIGHT = 64
MAX_ID = 2**53
MAX_ID_BYTES = 128
TERMINAL_EVENTS = frozenset({"done", "error", "cancelled"})
ALWAYS_ADMITTED = "cancel"
_FIRST_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*(?:([0-9]{1,15})|"([A-Za-z0-9_.:-]{1,128})")\s*[,}]')

RequestId = int | str


@dataclass(frozen=True, slots=True)
class Request:
    """A request to serve. ``payload`` is ``message`` as bytes, to relay without encoding it again."""

    id: RequestId
    action: str
    message: dict[str, Any]
    payload: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that is no request was answered: write ``frames``. After a ``fatal`` one, close."""

    frames: bytes
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """What the server said about ``id``; ``payload`` is ``message`` as bytes."""

    id: RequestId | None
    message: dict[str, Any]
    payload: bytes

    @property
    def is_terminal(self) -> bool:
        """Whether it ends its request."""
        return self.message["event"] in TERMINAL_EVENTS


class ServerConnection:
    """The end that answers."""

    def __init__(
        self,
        *,
        max_request: int = MAX_REQUEST,
        max_outgoing: int = MAX_FRAME_TO_HOST,
        max_in_flight: int = MAX_IN_FLIGHT,
    ) -> None:
        self._decoder = FrameDecoder(max_payload=max_request)
        self._max_request = max_request
        self._max_outgoing = max_outgoing
        self._max_in_flight = max_in_flight
        self._in_flight: set[RequestId] = set()
        self._closed = False

    @property
    def in_flight(self) -> frozenset[RequestId]:
        """Ids of the requests that wait for their last event."""
        return frozenset(self._in_flight)

    def receive_data(self, data: bytes) -> None:
        """Add what was read; ``b""`` means end of file."""
        self._decoder.receive_data(data)

    def next_event(self) -> Request | Refused | EndOfStream | Signal:
        """The next request, a refusal to write, or why there is neither."""
        if self._closed:
            return EndOfStream()
        try:
            event = self._decoder.next_event()
        except RemoteProtocolError as error:
            self._closed = True
            return Refused(self._frame(error.as_event()), fatal=True)
        if isinstance(event, OversizedFrame):
            refusal = RemoteProtocolError(
                ErrorCode.REQUEST_TOO_LARGE,
                f"A request may have at most {self._max_request:,} bytes; this one has {event.length:,}.",
                length=event.length,
                limit=self._max_request,
            )
            return Refused(self._frame(refusal.as_event()))
        if isinstance(event, EndOfStream | Signal):
            return event
        return self._request(event)

    def send(self, message: dict[str, Any], payload: bytes | None = None) -> bytes:
        """The frames that carry an event. Pass ``payload`` where the JSON is at hand already.

        Raises:
            LocalProtocolError: the request is not in flight, so the other side does not expect this.
            ValueError: the event is not JSON that the other side accepts, or longer than it accepts; nothing has
                changed.
        """
        request_id = message["id"]
        if request_id is None:
            if message["event"] != "error":
                raise LocalProtocolError("only an error may belong to no request")
        elif request_id not in self._in_flight:
            raise LocalProtocolError(f"request {request_id!r} is not in flight")
        frames = self._frame(message, payload)
        if message["event"] in TERMINAL_EVENTS:
            self._in_flight.discard(request_id)
        return frames

    def _request(self, payload: bytes) -> Request | Refused:
        request_id: RequestId | None = None
        try:
            message = strict_json.loads_request(payload)
            if not isinstance(message, dict):
                raise _bad_request("A request is a JSON object.")
            candidate = _checked_id(message)
            if candidate in self._in_flight:
                raise RemoteProtocolError(ErrorCode.DUPLICATE_ID, "A request with this id is in flight.", id=candidate)
            request_id = candidate
            action = message.get("action")
            if not isinstance(action, str):
                raise _bad_request("A request needs an action, a string.")
            self._admit(action)
        except RemoteProtocolError as error:
            if error.code == ErrorCode.BAD_JSON and "limit" in error.details:  # too much to parse
                first = _first_id(payload)
                request_id = None if first in self._in_flight else first
            return Refused(self._frame(error.as_event(request_id)))
        self._in_flight.add(request_id)
        return Request(request_id, action, message, payload)

    def _admit(self, action: str) -> None:
        limit = self._max_in_flight * (2 if action == ALWAYS_ADMITTED else 1)
        if len(self._in_flight) >= limit:
            raise RemoteProtocolError(
                ErrorCode.BUSY,
                f"At most {self._max_in_flight} requests can be in flight; wait for one to end.",
                limit=self._max_in_flight,
            )

    def _frame(self, message: dict[str, Any], payload: bytes | None = None) -> bytes:
        if payload is None:
            payload = strict_json.dumps(message)
        if len(payload) > MAX_FRAME_TO_HOST:
            raise ValueError(f"The answer has {len(payload):,} bytes; the limit is {MAX_FRAME_TO_HOST:,} bytes.")
        if len(payload) <= self._max_outgoing:
            return encode_frame(payload, limit=self._max_outgoing)
        return b"".join(encode_frame(part, limit=self._max_outgoing) for part in chunks.split(payload, message["id"]))


class ClientConnection:
    """The end that asks."""

    def __init__(self, *, max_incoming: int = MAX_FRAME_TO_HOST) -> None:
        self._decoder = FrameDecoder(max_announced=max_incoming)
        self._rejoiner = chunks.Rejoiner(max_bytes=MAX_FRAME_TO_HOST)
        self._in_flight: set[RequestId] = set()

    @property
    def in_flight(self) -> frozenset[RequestId]:
        """Ids of the requests that wait for their last event."""
        return frozenset(self._in_flight)

    def send(self, message: dict[str, Any], payload: bytes | None = None) -> bytes:
        """The frame that carries a request.

        Raises:
            LocalProtocolError: its id is in flight already.
        """
        if message["id"] in self._in_flight:
            raise LocalProtocolError(f"request {message['id']!r} is in flight already")
        frame = encode_frame(strict_json.dumps(message) if payload is None else payload)
        self._in_flight.add(message["id"])
        return frame

    def receive_data(self, data: bytes) -> None:
        """Add what was read; ``b""`` means end of file."""
        self._decoder.receive_data(data)

    def next_event(self) -> Event | EndOfStream | Signal:
        """The next event, chunks rejoined.

        Raises:
            RemoteProtocolError: the server broke the protocol; the connection cannot go on.
        """
        while True:
            payload = self._decoder.next_event()
            if isinstance(payload, EndOfStream | Signal):
                return payload
            assert isinstance(payload, bytes), "no frame is dropped: max_payload is the frame limit"
            event = self._event(payload)
            if event.message["event"] == "chunk":
                whole = self._rejoiner.add(event.message)
                if whole is None:
                    continue
                event = self._event(whole)
            if event.is_terminal and event.id is not None:
                self._in_flight.discard(event.id)
                self._rejoiner.forget(event.id)
            return event

    def _event(self, payload: bytes) -> Event:
        message = strict_json.loads(payload)
        if not isinstance(message, dict) or not isinstance(message.get("event"), str) or "id" not in message:
            raise _bad_request("An event is an object with id and event.")
        request_id = message["id"]
        if request_id is not None and request_id not in self._in_flight:
            raise _bad_request("An event belongs to no request in flight.", id=request_id)
        return Event(request_id, message, payload)


def _checked_id(message: dict[str, Any]) -> RequestId:
    request_id = message.get("id")
    if isinstance(request_id, int) and not isinstance(request_id, bool) and 0 <= request_id <= MAX_ID:
        return request_id
    if isinstance(request_id, str) and 1 <= len(request_id.encode("utf-8")) <= MAX_ID_BYTES:
        return request_id
    raise _bad_request("A request needs an id: an integer from 0 to 2^53, or a string of 1 to 128 bytes.")


def _first_id(payload: bytes) -> RequestId | None:
    """Return the id of a request that is too much to parse, if it is what the request begins with."""
    match = _FIRST_ID.match(payload)
    if match is None:
        return None
    number, text = match.groups()
    return int(number) if number else str(text, "ascii")


def _bad_request(reason: str, **details: Any) -> RemoteProtocolError:
    return RemoteProtocolError(ErrorCode.BAD_REQUEST, reason, **details)
