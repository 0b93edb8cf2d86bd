"""A worker process behind two pipes, speaking the same frames as every other hop.

What kills the worker cannot hurt the broker: each request in flight gets ``engine_crashed`` with the signal and the
end of what the worker wrote to stderr. A worker without any event for too long is killed (``engine_timeout``).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from backends.contract import EngineDescriptor
from backends.out_of_memory import is_out_of_memory, out_of_memory
from native_host.core.worker import Event
from native_host.protocol.connection import TERMINAL_EVENTS, ClientConnection
from native_host.protocol.connection import Event as WireEvent
from native_host.protocol.errors import ErrorCode, RemoteProtocolError, TabAgentError
from native_host.settings import worker_environment
from native_host.transports.awake import sleep_awake, wait_awake

log = logging.getLogger(__name__)

PAUSE_ABOVE = 64
RESUME_BELOW = 16
STDERR_KEPT = 64 * 1024
STDERR_REPORTED = 2 * 1024
TERMINATE_AFTER_S = 0.3
KILL_AFTER_S = 0.3
EXIT_GRACE_S = 0.1


async def launch_worker(
    engine: EngineDescriptor, on_death: Callable[[], None], *, cancel_grace_s: float
) -> WorkerProcess:
    """Start a worker of ``engine``; see ``core.worker.WorkerLauncher``. After a cancel it has ``cancel_grace_s``."""
    loop = asyncio.get_running_loop()
    worker = WorkerProcess(engine.name, on_death, cancel_grace_s)
    network = ("network",) if engine.uses_network else ()
    command = [sys.executable, "-I", "-m", "backends.worker", engine.engine, *network]
    await loop.subprocess_exec(lambda: worker, *command, env=worker_environment(network=engine.uses_network))
    return worker


class WorkerProcess(asyncio.SubprocessProtocol):
    """The broker's end of one worker."""

    def __init__(self, engine: str, on_death: Callable[[], None], cancel_grace_s: float) -> None:
        self._engine = engine
        self._cancel_grace_s = cancel_grace_s
        self._on_death = on_death
        self._connection = ClientConnection()
        self._streams: dict[int | str, EventQueue] = {}
        self._abandoned: dict[int | str, asyncio.Task[None]] = {}
        self._ids = itertools.count()
        self._stderr = bytearray()
        self._closing: Exception | None = None
        self._killed_because = ""
        self._oom_kills = _oom_kills()
        self._ended = asyncio.Event()
        self._transport: asyncio.SubprocessTransport | None = None
        self.pid = 0

    # ------------------------------------------------------------------------------------------- use

    @property
    def memory_bytes(self) -> int | None:
        """Resident memory, where /proc tells."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]
        except (OSError, IndexError):
            return None
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @asynccontextmanager
    async def request(
        self, action: str, fields: dict[str, Any], *, stall_s: float, phase: str
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """Send a request and iterate its events; see ``core.worker.Worker``."""
        request_id = next(self._ids)
        queue = self._streams[request_id] = EventQueue(phase, lambda verb: self._tell(verb, request_id))
        if self._ended.is_set():
            queue.fail(self._closing or self._death(phase))
        else:
            self._write({"id": request_id, "action": action, **fields})
        try:
            yield self._events(queue, stall_s)
        finally:
            del self._streams[request_id]
            if not queue.has_ended and not self._ended.is_set():
                self._abandon(request_id)

    async def obeyed(self) -> None:
        """Wait for cancelled requests to stop; see ``core.worker.Worker``."""
        while self._abandoned and not self._ended.is_set():
            timers = tuple(self._abandoned.values())
            await asyncio.wait(timers)
            if not all(timer.cancelled() for timer in timers):
                await self._ended.wait()

    async def close(self, reason: Exception | None = None) -> None:
        """End it: end of file first, then SIGTERM, then SIGKILL."""
        if self._closing is None:
            self._closing = reason or TabAgentError(ErrorCode.MODEL_UNLOADED, "The model was unloaded.")
        for queue in self._streams.values():
            queue.fail(self._closing)
        if self._transport is None:
            return
        stdin = self._transport.get_pipe_transport(0)
        if stdin is not None:
            stdin.close()
        for stop, patience in ((self._transport.terminate, TERMINATE_AFTER_S), (self._transport.kill, KILL_AFTER_S)):
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._ended.wait()
                return
            with suppress(ProcessLookupError):
                stop()
        await self._ended.wait()

    async def _events(self, queue: EventQueue, stall_s: float) -> AsyncIterator[Event]:
        while not queue.is_complete:
            try:
                event = await wait_awake(queue.get, stall_s)
            except TimeoutError:
                stalled = TabAgentError(
                    ErrorCode.ENGINE_TIMEOUT,
                    f"The engine {self._engine} made no progress for {stall_s:.0f} s and was stopped. Try again.",
                    phase=queue.phase,
                )
                queue.fail(stalled)
                self._kill("it made no progress")
                await self._ended.wait()
                raise stalled from None
            yield event

    def _abandon(self, request_id: int) -> None:
        """Cancel a request whose client is gone. A worker that does not obey is stuck, and is killed."""
        self._tell("cancel", request_id)
        self._abandoned[request_id] = asyncio.create_task(self._kill_after_grace(), name="cancel grace")

    async def _kill_after_grace(self) -> None:
        await sleep_awake(self._cancel_grace_s)
        self._kill("it did not stop when told to")

    def _kill(self, reason: str) -> None:
        log.warning("killing worker %d: %s", self.pid, reason)
        self._killed_because = reason
        if self._transport is not None:
            with suppress(ProcessLookupError):
                self._transport.kill()

    def _tell(self, verb: str, target: int) -> None:
        """``cancel``, ``pause`` or ``resume`` a request; the answer interests nobody."""
        if not self._ended.is_set():
            self._write({"id": f"{verb} {next(self._ids)}", "action": verb, "target": target})

    def _write(self, message: dict[str, Any]) -> None:
        stdin = self._transport.get_pipe_transport(0) if self._transport else None
        frame = self._connection.send(message)
        if isinstance(stdin, asyncio.WriteTransport) and not stdin.is_closing():
            stdin.write(frame)

    # ------------------------------------------------------------------------------- asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the process runs."""
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport
        self.pid = transport.get_pid() or 0

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """asyncio: the process wrote."""
        if fd == 2:
            self._keep_stderr(data)
            return
        self._connection.receive_data(data)
        try:
            while isinstance(event := self._connection.next_event(), WireEvent):
                self._route(event)
        except RemoteProtocolError as error:
            self._kill(f"it broke the protocol: {error}")

    def _route(self, event: WireEvent) -> None:
        if event.id is None:
            return
        if event.id in self._streams:
            self._streams[event.id].put(event.message)
        elif event.is_terminal and event.id in self._abandoned:
            self._abandoned.pop(event.id).cancel()

    def process_exited(self) -> None:
        """asyncio: the process ended; its pipes may still hold bytes."""
        asyncio.get_running_loop().call_later(EXIT_GRACE_S, self._end)

    def connection_lost(self, _error: Exception | None) -> None:
        """asyncio: it ended and its pipes are read to the end."""
        self._end()

    # ------------------------------------------------------------------------------------------- end

    def _end(self) -> None:
        if self._ended.is_set():
            return
        self._ended.set()
        for timer in self._abandoned.values():
            timer.cancel()
        for queue in self._streams.values():
            queue.fail(self._closing or self._death(queue.phase))
        if self._closing is None:
            self._on_death()
        if self._transport is not None:
            self._transport.close()

    def _death(self, phase: str) -> TabAgentError:
        code = self._transport.get_returncode() if self._transport else None
        stderr = bytes(self._stderr[-STDERR_REPORTED:]).decode("utf-8", "replace")
        if self._killed_because:
            return TabAgentError(
                ErrorCode.ENGINE_TIMEOUT,
                f"The engine {self._engine} was stopped: {self._killed_because}. Ask again: it restarts.",
                phase=phase,
            )
        if code == -signal.SIGKILL and _oom_kills() > self._oom_kills:
            return out_of_memory(f"The system ran out of memory and ended the engine {self._engine}.", phase=phase)
        if code == -signal.SIGABRT and is_out_of_memory(stderr):
            return out_of_memory(f"The engine {self._engine} ran out of memory and ended.", phase=phase)
        if code is not None and code < 0:
            name = _signal_name(-code)
            return TabAgentError(
                ErrorCode.ENGINE_CRASHED,
                f"The engine {self._engine} was killed by {name} (phase: {phase}). Ask again: it restarts.",
                signal=name,
                phase=phase,
                stderr=stderr,
            )
        return TabAgentError(
            ErrorCode.ENGINE_CRASHED,
            f"The engine {self._engine} ended with status {code} (phase: {phase}). Ask again: it restarts.",
            exit_code=code,
            phase=phase,
            stderr=stderr,
        )

    def _keep_stderr(self, data: bytes) -> None:
        log.debug("worker %d: %s", self.pid, data.decode("utf-8", "replace").rstrip())
        self._stderr += data
        if len(self._stderr) > STDERR_KEPT:
            del self._stderr[:-STDERR_KEPT]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _oom_kills() -> int:
    """How often the system has ended a process for want of memory; 0 where it does not tell."""
    try:
        counters = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in counters if line.startswith("oom_kill "))


class EventQueue:
    """Events of one request. When they are not taken, the worker is told to pause."""

    def __init__(self, phase: str, tell: Callable[[str], None]) -> None:
        self.phase = phase
        self.is_complete = False
        """The last event has been taken."""
        self.has_ended = False
        """The last event has arrived; it may not have been taken."""
        self._tell = tell
        self._events: deque[Event] = deque()
        self._error: Exception | None = None
        self._arrived = asyncio.Event()
        self._paused = False

    def put(self, event: Event) -> None:
        """An event arrived."""
        self._events.append(event)
        self.has_ended = event["event"] in TERMINAL_EVENTS
        self._arrived.set()
        if len(self._events) > PAUSE_ABOVE and not self._paused:
            self._paused = True
            self._tell("pause")

    def fail(self, error: Exception) -> None:
        """No more events will come."""
        if self._error is None:
            self._error = error
            self._arrived.set()

    async def get(self) -> Event:
        """The next event.

        Raises:
            TabAgentError: the request failed.
        """
        while not self._events:
            if self._error is not None:
                self.is_complete = True
                raise self._error
            self._arrived.clear()
            await self._arrived.wait()
        event = self._events.popleft()
        if self._paused and len(self._events) < RESUME_BELOW:
            self._paused = False
            self._tell("resume")
        if event["event"] == "error":
            self.is_complete = True
            raise TabAgentError.from_event(event["error"])
        if event["event"] == "cancelled":
            self.is_complete = True
            raise TabAgentError(ErrorCode.GENERATION_FAILED, "The engine stopped the request on its own.")
        self.is_complete = event["event"] == "done"
        return event
