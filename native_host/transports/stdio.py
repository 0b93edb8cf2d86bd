"""The host's whole I/O: frames of the browser on two pipes, relayed to the broker and back.

One thread, one ``poll``. Nothing blocks: a browser that does not read stops the relay from reading the broker (which
then pauses generation), while ``cancel`` still passes. End of file on stdin ends the host; the broker sees the socket
close and cancels what was in flight.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from native_host.protocol.connection import (
    ClientConnection,
    Event,
    Refused,
    Request,
    RequestId,
    ServerConnection,
)
from native_host.protocol.errors import ErrorCode, RemoteProtocolError, TabAgentError
from native_host.protocol.framing import MAX_FRAME_TO_BROWSER, EndOfStream, Signal
from native_host.settings import Settings
from native_host.transports import broker_link

READ_SIZE = 64 * 1024
MAX_QUEUED_FRAMES = 256
MAX_QUEUED_BYTES = 8 * 1024 * 1024
MAX_PENDING_REQUEST_BYTES = 32 * 1024 * 1024
BROKER_START_LIMIT_S = 15.0
BROKER_RESTART_S = 0.2
CONNECT_RETRY_MS = 10
FLUSH_AT_END_S = 0.25
SILENCE_LIMIT_S = broker_link.ASK_AFTER_S + broker_link.ANSWER_LIMIT_S
_STEP_S = 1.0
_PROBE = f"tabagent-host {os.urandom(8).hex()}"
"""The id of the host's own ``hello``."""

_READABLE = select.POLLIN | select.POLLHUP | select.POLLERR
_HANG_UP = getattr(select, "POLLRDHUP", 0)
"""The other end closed a socket; of a pipe, ``POLLHUP`` tells unasked."""


class OutgoingQueue:
    """Bytes on their way to a descriptor that may be slow."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._offset = 0
        self.size = 0

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, frame: bytes) -> None:
        """Queue a frame."""
        self._frames.append(frame)
        self.size += len(frame)

    def write_to(self, fd: int) -> None:
        """Write what the descriptor takes now. Raises ``OSError`` when the other end is gone."""
        while self._frames:
            try:
                written = os.write(fd, memoryview(self._frames[0])[self._offset :])
            except BlockingIOError:
                return
            self.size -= written
            self._offset += written
            if self._offset == len(self._frames[0]):
                self._frames.popleft()
                self._offset = 0


class BrowserRelay:
    """The browser's port on one side, the broker on the other."""

    def __init__(self, settings: Settings, stdin: int, wire: int) -> None:
        self._settings = settings
        self._stdin, self._wire = stdin, wire
        self._browser = ServerConnection(max_outgoing=MAX_FRAME_TO_BROWSER)
        self._to_browser = OutgoingQueue()
        self._broker = BrokerSide(settings)
        os.set_blocking(stdin, False)
        os.set_blocking(wire, False)

    def run(self) -> int:
        """Relay until an end is gone. Returns the exit status."""
        while True:
            ready = self._wait()
            try:
                if ready.get(self._wire, 0) & (select.POLLERR | select.POLLNVAL):
                    return 0
                if self._to_browser and self._wire in ready:
                    self._to_browser.write_to(self._wire)
                if ready.get(self._stdin):
                    # What lies unread when the browser is gone could be answered to nobody.
                    status = self._serve_browser() if self._reads_browser else 0
                    if status is not None:
                        self._flush()
                        return status
                self._serve_broker(ready)
            except BrokenPipeError:
                return 0

    def _wait(self) -> dict[int, int]:
        poll = select.poll()
        congested = len(self._to_browser) >= MAX_QUEUED_FRAMES or self._to_browser.size >= MAX_QUEUED_BYTES
        poll.register(self._stdin, _HANG_UP | (select.POLLIN if self._reads_browser else 0))
        poll.register(self._wire, select.POLLOUT if self._to_browser else 0)
        self._broker.register(poll, reading=not congested)
        timeout = CONNECT_RETRY_MS if self._broker.is_starting else self._broker.patience_ms
        return dict(poll.poll(timeout))

    @property
    def _reads_browser(self) -> bool:
        """True while there is room for more requests and for their answers."""
        return self._to_browser.size < 2 * MAX_QUEUED_BYTES and self._broker.pending_bytes < MAX_PENDING_REQUEST_BYTES

    def _serve_browser(self) -> int | None:
        """Read once and act on it. Returns an exit status when it is over."""
        try:
            data = os.read(self._stdin, READ_SIZE)
        except BlockingIOError:
            return None
        self._browser.receive_data(data)
        while True:
            event = self._browser.next_event()
            if isinstance(event, Signal):
                return None
            if isinstance(event, EndOfStream):
                if event.cut:
                    _note(f"truncated {event.cut}: the browser closed in the middle of a frame")
                return 0
            if isinstance(event, Refused):
                self._to_browser.add(event.frames)
                if event.fatal:
                    _note("framing lost: what arrived is not a native messaging frame")
                    return 3
            else:
                self._broker.send(event)

    def _serve_broker(self, ready: dict[int, int]) -> None:
        loss = self._broker.serve(ready)
        for event in self._broker.received():
            # An answer may arrive for a request that the relay has ended itself; the browser heard of that already.
            if event.id is None or event.id in self._browser.in_flight:
                self._to_browser.add(self._browser.send(event.message, event.payload))
        if loss is not None:
            for request_id in loss.requests:
                self._to_browser.add(self._browser.send(loss.reason.as_event(request_id)))

    def _flush(self) -> None:
        deadline = time.monotonic() + FLUSH_AT_END_S
        poll = select.poll()
        poll.register(self._wire, select.POLLOUT)
        while self._to_browser and (left := deadline - time.monotonic()) > 0:
            if poll.poll(left * 1000):
                self._to_browser.write_to(self._wire)


class BrokerSide:
    """The connection to the broker, started when the first request needs it and again after it was lost."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._socket: socket.socket | None = None
        self._connection = ClientConnection()
        self._outgoing = OutgoingQueue()
        self._waiting: list[Request] = []
        self._events: list[Event] = []
        self._unheard: list[Request] = []
        """Sent on a connection on which nothing has come back: it may lead to a broker that is ending."""
        self._has_spoken = False
        self._start_deadline = 0.0
        self._next_start = 0.0
        self._child = 0
        self._silence = Silence()

    @property
    def patience_ms(self) -> int | None:
        """Milliseconds after which ``serve`` is called again if the broker says nothing; None: no limit."""
        return int(_STEP_S * 1000) if self._connection.in_flight else None

    @property
    def is_starting(self) -> bool:
        """Whether requests wait for a broker that is not there yet."""
        return self._socket is None and bool(self._waiting)

    @property
    def pending_bytes(self) -> int:
        """Bytes of requests that the broker has not taken yet."""
        return self._outgoing.size + sum(len(request.payload) for request in self._waiting)

    def send(self, request: Request) -> None:
        """Pass a request on, or keep it until the broker is there."""
        if self._socket is None:
            self._waiting.append(request)
            return
        self._outgoing.add(self._connection.send(request.message, request.payload))
        if not self._has_spoken:
            self._unheard.append(request)

    def register(self, poll: select.poll, *, reading: bool) -> None:
        """Ask for what is of interest now."""
        if self._socket is not None:
            mask = (select.POLLIN if reading else 0) | (select.POLLOUT if self._outgoing else 0)
            poll.register(self._socket, mask)
            self._silence.is_heard = reading

    def serve(self, ready: dict[int, int]) -> Loss | None:
        """Connect, write and read as far as possible. Returns the requests that were lost, and why."""
        if self._socket is None:
            return self._try_connect() if self._waiting else None
        mask = ready.get(self._socket.fileno(), 0)
        try:
            if self._outgoing:
                self._outgoing.write_to(self._socket.fileno())
            if mask & _READABLE:
                self._read(self._socket)
            self._check_silence()
        except (OSError, EOFError, RemoteProtocolError) as error:
            _note(f"the broker is gone: {error}")
            return Loss(self._lose(), _lost())
        except BrokerSilent:
            _note("the broker does not answer")
            return Loss(self._lose(), broker_link.silent())
        return None

    def _check_silence(self) -> None:
        """Ask a silent broker whether it still runs.

        Raises:
            BrokerSilent
        """
        in_flight = self._connection.in_flight
        if not in_flight:
            self._silence.end()
        elif self._silence.lasts(SILENCE_LIMIT_S):
            raise BrokerSilent
        elif self._silence.lasts(broker_link.ASK_AFTER_S) and not in_flight & {_PROBE}:
            self._outgoing.add(self._connection.send({"id": _PROBE, "action": "hello"}))

    def received(self) -> list[Event]:
        """Events that arrived since the last call."""
        events, self._events = self._events, []
        return events

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(READ_SIZE)
        except BlockingIOError:
            return
        self._connection.receive_data(data)
        if data:
            self._silence.end()
            self._has_spoken = True
            self._unheard.clear()
            self._start_deadline = self._next_start = 0.0
        while isinstance(event := self._connection.next_event(), Event):
            self._events.append(event)
        if isinstance(event, EndOfStream):
            raise EOFError("end of file")

    def _try_connect(self) -> Loss | None:
        try:
            connection = broker_link.connect(self._settings)
            if connection is None:
                return self._await_broker()
        except BlockingIOError:  # so many wait for the broker that the system keeps no more
            return self._await_turn()
        except TabAgentError as error:
            _note(f"the broker cannot be started: {error}")
            return Loss(self._give_up(), error)
        except (OSError, broker_link.UnsafeLocation) as error:
            _note(f"the broker cannot be reached: {error}")
            return Loss(self._give_up(), broker_link.unavailable(self._settings, str(error)))
        connection.setblocking(False)
        self._socket = connection
        self._has_spoken = False
        self._unheard = []
        self._start_deadline = self._start_deadline or time.monotonic() + BROKER_START_LIMIT_S
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            self.send(request)
        return None

    def _await_turn(self) -> Loss | None:
        now = time.monotonic()
        self._start_deadline = self._start_deadline or now + BROKER_START_LIMIT_S
        return Loss(self._give_up(), broker_link.silent()) if now > self._start_deadline else None

    def _await_broker(self) -> Loss | None:
        """Start a broker, and another one if it left because an earlier one was still on its way out."""
        now = time.monotonic()
        if not self._next_start:
            self._start_deadline = self._start_deadline or now + BROKER_START_LIMIT_S
            self._reap()  # how an earlier broker ended says nothing about the next one
            self._child = 0
        status = self._reap()
        if now > self._start_deadline or status not in (None, 0):
            _note(f"the broker does not start (status {status})")
            reason = "it did not answer in time" if status in (None, 0) else f"it ended with status {status}"
            return Loss(self._give_up(), broker_link.unavailable(self._settings, reason))
        if not self._child and now >= self._next_start:
            self._child = broker_link.start_broker(self._settings)
            self._next_start = now + BROKER_RESTART_S
        return None

    def _give_up(self) -> frozenset[RequestId]:
        lost = frozenset(request.id for request in self._waiting)
        self._waiting.clear()
        self._start_deadline = self._next_start = 0.0
        return lost

    def _lose(self) -> frozenset[RequestId]:
        lost = self._connection.in_flight - {_PROBE}
        if self._unheard and time.monotonic() < self._start_deadline:
            self._waiting, self._unheard = self._unheard, []
            lost = frozenset()
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._connection = ClientConnection()
        self._outgoing = OutgoingQueue()
        self._silence.end()
        self._reap()
        return lost

    def _reap(self) -> int | None:
        """Collect the broker that this host started, if it has ended; returns its exit status then."""
        if not self._child:
            return None
        try:
            pid, status = os.waitpid(self._child, os.WNOHANG)
        except ChildProcessError:
            pid, status = self._child, 0
        if not pid:
            return None
        self._child = 0
        return os.waitstatus_to_exitcode(status)


class BrokerSilent(Exception):
    """The broker is there and does not answer: it was stopped, or is stuck."""


class Silence:
    """The time in which the broker could have said something and did not."""

    def __init__(self) -> None:
        self.is_heard = True
        """False while what it says is left unread."""
        self._lasted_s = 0.0
        self._looked = time.monotonic()

    def lasts(self, seconds: float) -> bool:
        """Count the time since the last call; return True if the silence has lasted so long.

        A long time between two calls counts as one step: then this process was stopped itself, or the machine slept.
        """
        now = time.monotonic()
        if self.is_heard:
            self._lasted_s += min(now - self._looked, 2 * _STEP_S)
        self._looked = now
        return self._lasted_s >= seconds

    def end(self) -> None:
        """The broker said something, or nobody waits for it."""
        self._lasted_s = 0.0
        self._looked = time.monotonic()


@dataclass(frozen=True, slots=True)
class Loss:
    """Requests whose answer can no longer come."""

    requests: frozenset[RequestId]
    reason: TabAgentError


def _lost() -> TabAgentError:
    message = "TabAgent's background process ended while it was answering. Ask again: it restarts."
    return TabAgentError(ErrorCode.BROKER_LOST, message)


def _note(text: str) -> None:
    with suppress(OSError):  # nobody may be reading
        os.write(2, f"tabagent-host: {text}\n".encode())
