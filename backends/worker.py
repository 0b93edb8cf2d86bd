"""The worker process: one engine, requests on stdin, events on stdout, both as frames.

The main thread reads; each request runs in a thread of its own. Standard output belongs to the frames: descriptor 1 is
pointed at stderr before any engine is imported. The process dies with its broker, even when native code is stuck.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Generator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from backends.answer_events import delta_fields, prompt_fields, result_fields
from backends.contract import (
    Constraint,
    Conversation,
    Engine,
    EngineError,
    GenerationCancelled,
    LoadRequest,
    ModelInfo,
    Sampling,
    Server,
    TextStream,
)
from backends.network_guard import leave_network
from backends.out_of_memory import out_of_memory
from backends.process_guard import (
    die_with_parent,
    prefer_as_oom_victim,
    sleep_when_idle,
    take_stdout,
    tell_nobody,
)
from backends.progress_reporter import ProgressReporter
from backends.registry import resolve
from native_host.protocol.connection import Refused, Request, RequestId, ServerConnection
from native_host.protocol.errors import ErrorCode, LocalProtocolError, TabAgentError
from native_host.protocol.framing import MAX_FRAME_TO_HOST, EndOfStream, Signal

READ_SIZE = 64 * 1024
THREAD_STACK_BYTES = 256 * 1024 * 1024
"""Only what is touched takes memory; a grammar of thousands of rules is compiled by recursion."""
PROGRESS_EVERY_S = 1.0


def main() -> None:
    """Entry point: ``python -m backends.worker MODULE:CLASS [network]``."""
    die_with_parent()
    if "network" not in sys.argv[2:]:
        leave_network()
    wire = take_stdout()
    prefer_as_oom_victim()
    sleep_when_idle()
    tell_nobody()
    threading.stack_size(THREAD_STACK_BYTES)
    worker = Worker(sys.argv[1], wire)
    worker.run()
    if "network" in sys.argv[2:]:
        worker.close_engine()
    os._exit(0)  # threads may be deep in native code; the process ends all the same


class Worker:
    """Reads requests, runs them, writes their events."""

    def __init__(self, engine: str, wire: int) -> None:
        self._engine_reference = engine
        self._engine: Any = None
        self._info: ModelInfo | None = None
        self._wire = wire
        self._connection = ServerConnection(max_request=MAX_FRAME_TO_HOST, max_in_flight=1024)
        self._lock = threading.Lock()
        self._running: dict[RequestId, Controls] = {}

    def run(self) -> None:
        """Serve until end of file."""
        while data := os.read(0, READ_SIZE):
            with self._lock:
                self._connection.receive_data(data)
            while True:
                with self._lock:
                    event = self._connection.next_event()
                if isinstance(event, Signal | EndOfStream):
                    break
                if isinstance(event, Refused):
                    with self._lock:
                        self._write(event.frames)
                else:
                    self._start(event)

    def close_engine(self) -> None:
        """Tell a server that its model is not needed any more; what the engine has in this process goes with it."""
        if self._engine is not None:
            self._engine.close()

    def _start(self, request: Request) -> None:
        if request.action in ("cancel", "pause", "resume"):
            target = request.message["target"]
            controls = self._running.get(target)
            if controls is not None and not controls.apply(request.action):
                self._end(target, {"event": "cancelled"})  # its thread is still preparing; nobody waits for it
            self._end(request.id, {"event": "done", "result": {}})
            return
        controls = self._running[request.id] = Controls()
        thread = threading.Thread(target=self._serve, args=(request, controls), name=request.action, daemon=True)
        thread.start()

    def _serve(self, request: Request, controls: Controls) -> None:
        try:
            last: dict[str, Any] = {"event": "done", "result": self._run(request, controls)}
        except GenerationCancelled:
            last = {"event": "cancelled"}
        except EngineError as error:
            last = _error_event(error.code, error.message, error.details)
        except MemoryError:
            last = out_of_memory("The worker ran out of memory.").as_event(None)
        except BaseException as error:  # noqa: BLE001  # whatever an engine raises, a panic of Rust too, its request ends
            sys.excepthook(*sys.exc_info())
            code = "load_failed" if request.action == "load_model" else "generation_failed"
            last = _error_event(code, f"{type(error).__name__}: {error}", {})
        self._end(request.id, last)

    def _end(self, request_id: RequestId, last: dict[str, Any]) -> None:
        """Send a request's last event, once."""
        self._running.pop(request_id, None)
        try:
            self._send({**last, "id": request_id})
        except LocalProtocolError:
            pass  # it was cancelled meanwhile
        except (TypeError, ValueError) as error:  # a NaN among the figures, or an object: no JSON
            failed = _error_event("generation_failed", f"The engine's result cannot be sent: {error}.", {})
            self._send({**failed, "id": request_id})

    def _run(self, request: Request, controls: Controls) -> dict[str, Any]:
        message = request.message
        if request.action == "load_model":
            return self._load(request)
        engine, info = self._engine, self._info
        assert info is not None, "the broker loads before it asks"
        if request.action not in info.actions:
            able = ", ".join(info.actions)
            raise EngineError("unsupported_task", f"This model does not {request.action}; it can: {able}.")
        match request.action:
            case "tokenize":
                options = {name: message[name] for name in ("special", "add_special")}
                tokens = engine.tokenize(message["text"], **options)
                return {"tokens": tokens, "count": len(tokens)}
            case "embed":
                return asdict(engine.embed(message["texts"]))
            case "rerank":
                return asdict(engine.rerank(message["query"], message["documents"]))
            case "infer":
                answer = engine.infer(message["inputs"], message["parameters"])
                return {"output": self._stepped(request.id, answer, controls)}
        sampling = _sampling(message["sampling"])
        if request.action == "generate":
            stream = engine.generate(message["prompt"], sampling, message["coalesce_ms"])
        else:
            stream = engine.chat(Conversation(**message["conversation"]), sampling, message["coalesce_ms"])
        return self._stream(request.id, stream, controls)

    def _load(self, request: Request) -> dict[str, Any]:
        paths = {name: Path(request.message[name]) for name in ("path", "cache_dir")}
        server = request.message["server"]
        message = {**request.message, **paths, "server": Server(**server) if server else None}
        load = LoadRequest(**{field.name: message[field.name] for field in fields(LoadRequest)})
        size = load.path.stat().st_size if load.path.is_file() else 0

        def report(fraction: float) -> None:
            self._progress(request.id, "loading", int(fraction * size), size, "bytes")

        engine: Engine = resolve(self._engine_reference)()
        info = engine.load(load, report)
        self._engine, self._info = engine, info
        return asdict(info)

    def _stream(self, request_id: RequestId, stream: TextStream, controls: Controls) -> dict[str, Any]:
        with ProgressReporter(stream, lambda *progress: self._progress(request_id, *progress)) as reporter:
            controls.attach(stream)
            is_first = True
            for delta in stream:
                reporter.first_token_seen()
                counted = prompt_fields(stream) if is_first else {}
                is_first = False
                self._send({"id": request_id, "event": "token", **delta_fields(delta), **counted})
                controls.wait_while_paused()
        return result_fields(stream.completion)

    def _stepped(self, request_id: RequestId, answer: Any, controls: Controls) -> Any:
        """The answer of a task, which may come in steps."""
        if not isinstance(answer, Generator):
            return answer
        reported = time.monotonic()
        while True:
            try:
                done, total, unit = next(answer)
            except StopIteration as end:
                return end.value
            controls.check()
            if time.monotonic() - reported > PROGRESS_EVERY_S:
                self._progress(request_id, "inferring", done, total, unit)
                reported = time.monotonic()

    def _progress(self, request_id: RequestId, stage: str, done: int, total: int, unit: str) -> None:
        self._send({"id": request_id, "event": "progress", "stage": stage, "done": done, "total": total, "unit": unit})

    def _send(self, event: dict[str, Any]) -> None:
        with self._lock:
            self._write(self._connection.send(event))

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._wire, left) :]


class Controls:
    """What the broker says about a request that runs: ``cancel``, ``pause``, ``resume``."""

    def __init__(self) -> None:
        self._stream: TextStream | None = None
        self._cancelled = False
        self._running = threading.Event()
        self._running.set()

    def attach(self, stream: TextStream) -> None:
        """The stream is there; a cancel that came before it acts now."""
        self._stream = stream
        if self._cancelled:
            stream.cancel()

    def apply(self, verb: str) -> bool:
        """Act on the broker's word. False where a cancel found no stream that would end."""
        if verb == "pause":
            self._running.clear()
            return True
        self._running.set()
        if verb == "cancel":
            self._cancelled = True
            if self._stream is None:
                return False
            self._stream.cancel()
        return True

    def check(self) -> None:
        """End here if it was cancelled.

        Raises:
            GenerationCancelled
        """
        if self._cancelled:
            raise GenerationCancelled

    def wait_while_paused(self) -> None:
        """Block the request's thread; the stream is not read meanwhile, so its engine pauses."""
        self._running.wait()


def _sampling(fields: dict[str, Any]) -> Sampling:
    constraint = Constraint(**fields["constraint"]) if fields["constraint"] else None
    return Sampling(**{**fields, "stop": tuple(fields["stop"]), "constraint": constraint})


def _error_event(code: str, message: str, details: dict[str, Any]) -> dict[str, Any]:
    known = code if code in set(ErrorCode) else "generation_failed"
    return TabAgentError(ErrorCode(known), message, **details).as_event(None)


if __name__ == "__main__":
    main()
