"""Faults by order. The model file and the prompt are JSON objects that say what to do:

    {"tokens": 100, "interval_ms": 5, "size": 1, "fault": "abort", "at": 3}

``fault`` happens before token ``at``; in a model file it happens while loading. Other prompts are answered as the model
file's ``answer`` says.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from backends.contract import (
    Completion,
    Conversation,
    Delta,
    EngineError,
    GenerationCancelled,
    LoadProgress,
    LoadRequest,
    ModelInfo,
    Progress,
    Sampling,
    TextStream,
)
from tabagent_chaos import read_order

print("stray print at import")  # noqa: T201  # on purpose: it must not reach the wire


def _hang() -> None:
    while True:
        ctypes.PyDLL(None).pause()  # a PyDLL call keeps the GIL: nothing else in the process runs


def _print_everywhere() -> None:
    print("stray print")  # noqa: T201
    ctypes.CDLL(None).puts(b"stray puts")
    ctypes.CDLL(None).fflush(None)
    os.write(1, b"stray write\n")
    subprocess.run(["/bin/echo", "stray child"], check=True)


def _flood() -> None:
    for _ in range(4096):
        os.write(2, b"x" * 1024 + b"\n")
        os.write(1, b"y" * 1024 + b"\n")


def _allocate(size: int) -> None:
    kept = bytearray(size)
    kept[::4096] = b"x" * len(kept[::4096])


def _allocate_natively(size: int) -> None:
    """What C++ throws when it has no memory ends the process."""
    ctypes.CDLL("libstdc++.so.6")._Znwm(ctypes.c_size_t(size))


ALLOCATIONS = {"allocate": _allocate, "allocate natively": _allocate_natively}
FAULTS: dict[str, Callable[[], Any]] = {
    "abort": os.abort,
    "segv": lambda: ctypes.string_at(0),
    "exit": lambda: os._exit(0),
    "kill": lambda: os.kill(os.getpid(), 9),
    "hang": _hang,
    "print": _print_everywhere,
    "flood": _flood,
}


def run_fault(order: Mapping[str, Any]) -> None:
    fault = order.get("fault")
    if fault == "error":
        raise EngineError("generation_failed", "chaos was asked to fail")
    if fault == "defect":
        raise RuntimeError("chaos has a defect")
    if fault in ALLOCATIONS:
        ALLOCATIONS[fault](order["bytes"])
    elif fault:
        FAULTS[fault]()


class ChaosEngine:
    _answer: Mapping[str, Any]

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        order = read_order(request.path)
        self._answer = order.get("answer", {})
        for step in range(5):
            progress(step / 5)
            time.sleep(order.get("interval_ms", 0) / 1000)
        run_fault(order)
        progress(1.0)
        return ModelInfo("chaos", 4096, 4096, 256, 1, request.path.stat().st_size, chat_template=False)

    def generate(self, prompt: str, sampling: Sampling, coalesce_ms: float) -> TextStream:
        return ChaosStream(json.loads(prompt) if prompt.startswith("{") else self._answer, sampling)

    def chat(self, conversation: Conversation, sampling: Sampling, coalesce_ms: float) -> TextStream:
        return self.generate(conversation.messages[-1]["content"], sampling, coalesce_ms)

    def tokenize(self, text: str, *, special: bool, add_special: bool) -> list[int]:
        return list(text.encode())

    def close(self) -> None:
        pass


class ChaosStream:
    def __init__(self, order: Mapping[str, Any], sampling: Sampling) -> None:
        self._order = order
        self._cancelled = threading.Event()
        self._pieces: list[str] = []
        self._activity = itertools.count()

    def __iter__(self) -> Iterator[Delta]:
        order = self._order
        for index in range(order.get("tokens", 10)):
            if index == order.get("at", 0):
                run_fault(order)
            if self._cancelled.wait(order.get("interval_ms", 0) / 1000) or self._cancelled.is_set():
                raise GenerationCancelled
            piece = order.get("text", f"{index} ") * order.get("size", 1)
            self._pieces.append(piece)
            yield Delta(piece)

    def cancel(self) -> None:
        sys.stderr.write("chaos was cancelled\n")
        self._cancelled.set()

    @property
    def progress(self) -> Progress:
        stuck = self._order.get("stuck", False)
        return Progress(queued=False, done=0, total=1, activity=0 if stuck else next(self._activity))

    @property
    def completion(self) -> Completion:
        return Completion(
            text="".join(self._pieces),
            finish_reason="stop",
            prompt_tokens=1,
            completion_tokens=len(self._pieces),
            cached_tokens=0,
            queue_ms=0.0,
            prefill_ms=self._order.get("prefill_ms", 1.0),
            decode_ms=1.0,
            time_to_first_token_ms=1.0,
        )
