"""The worker's end of the template sandbox: starts it ahead of need, bounds each rendering, replaces what hung."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from backends.contract import EngineError
from backends.conversation.prompt import Variables
from native_host.protocol.errors import LocalProtocolError
from native_host.protocol.framing import FrameDecoder, encode_frame

TIME_LIMIT_S = 2.0
START_LIMIT_S = 10.0
READ_SIZE = 64 * 1024


class TemplateProcess:
    """Renders one template in a child process. Safe to call from several threads; renderings take turns."""

    def __init__(self, template: str, variables: Mapping[str, Any]) -> None:
        self._template = template
        self._variables = dict(variables)
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._is_warm = False
        self._lifeline = -1
        self._process = self._start()

    def render(self, *conversations: Variables) -> list[str]:
        """Each conversation as the template writes it.

        Raises:
            EngineError: ``template_error`` with the template's own message, ``template_timeout``.
        """
        return list(self._answer({"conversations": conversations, "variables": self._variables})["texts"])

    def names_read(self) -> frozenset[str]:
        """Return the names of the variables that the template reads and that a conversation may set.

        Raises:
            EngineError: what ``render`` raises.
        """
        return frozenset(self._answer({"names": True})["names"]).difference(self._variables)

    def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        request = {"template": self._template, **request}
        with self._lock:
            answer = self._ask(json.dumps(request, ensure_ascii=False).encode(errors="replace"))
        if "error" not in answer:
            return answer
        if answer["limit"]:
            raise EngineError("template_timeout", f"The model's chat template was stopped: {answer['error']}.")
        raise EngineError("template_error", f"The model's chat template failed: {answer['error']}")

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _start(self) -> subprocess.Popen[bytes]:
        self._started = time.monotonic()
        self._is_warm = False
        watched, self._lifeline = os.pipe()
        try:
            return subprocess.Popen(
                [sys.executable, "-I", "-m", "backends.conversation.template_sandbox", str(watched)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(watched,),
            )
        finally:
            os.close(watched)

    def _ask(self, request: bytes) -> dict[str, Any]:
        limit = TIME_LIMIT_S if self._is_warm else START_LIMIT_S
        try:
            return self._exchange(request, time.monotonic() + limit)
        except LocalProtocolError:
            return {"error": "the conversation is too long for it", "limit": True}
        except (TimeoutError, EOFError, BrokenPipeError) as error:
            self.close()
            self._process = self._start()
            reason = "it took too long" if isinstance(error, TimeoutError) else "its process died"
            return {"error": reason, "limit": True}

    def _exchange(self, request: bytes, deadline: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(encode_frame(request))
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(_read_frame(self._process.stdout.fileno(), deadline))
        self._is_warm = True
        return answer


def _read_frame(descriptor: int, deadline: float) -> bytes:
    decoder = FrameDecoder()
    while not isinstance(payload := decoder.next_event(), bytes):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            raise TimeoutError
        data = os.read(descriptor, READ_SIZE)
        if not data:
            raise EOFError
        decoder.receive_data(data)
    return payload
