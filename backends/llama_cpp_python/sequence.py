"""One sequence with a KV cache of its own."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from backends.contract import EngineError, GenerationCancelled
from backends.llama_cpp_python.log import Log
from backends.llama_cpp_python.weights import Weights
from backends.text.control import Control
from backends.text.language_model import CHUNK

WAIT_S = 0.05


@dataclass(frozen=True, slots=True)
class Compute:
    """What the sequences of a model share. ``turn``: who has it computes, on all the threads."""

    weights: Weights
    vocab_size: int
    threads: int
    turn: threading.Lock = field(default_factory=threading.Lock)


class EvaluatedSequence:
    """A context of llama.cpp, freed with the last reference to it."""

    def __init__(self, compute: Compute, most: int, control: Control) -> None:
        """``most`` tokens in all.

        Raises:
            EngineError: ``insufficient_memory``.
        """
        self._compute = compute
        self._control = control
        self._log = log = compute.weights.log
        self._stop = llama_cpp.ggml_abort_callback(_is_cancelled(control, log))
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = most
        params.n_batch = params.n_ubatch = CHUNK
        params.n_outputs_max = 1
        params.n_threads = params.n_threads_batch = compute.threads
        params.no_perf = True
        log.forget()
        self._raw = llama_cpp.llama_init_from_model(compute.weights.raw, params)
        if not self._raw:
            raise EngineError("insufficient_memory", f"There is no room for the context: {log.last_words()}")
        weakref.finalize(self, llama_cpp.llama_free, self._raw).atexit = False

    def evaluate(self, tokens: Sequence[int]) -> NDArray[Any]:
        """Logits of what follows, after at most ``CHUNK`` tokens.

        Raises:
            GenerationCancelled: the request was cancelled before or meanwhile.
        """
        ids = (llama_cpp.llama_token * len(tokens))(*tokens)
        with self._computing(len(tokens)):
            code = llama_cpp.llama_decode(self._raw, llama_cpp.llama_batch_get_one(ids, len(tokens)))
        self._control.check()
        if code:
            raise EngineError("generation_failed", f"llama.cpp failed with {code}: {self._log.last_words()}")
        logits = llama_cpp.llama_get_logits_ith(self._raw, -1)
        return np.array(np.ctypeslib.as_array(logits, (self._compute.vocab_size,)))

    @contextmanager
    def _computing(self, tokens: int) -> Iterator[None]:
        """Wait for the turn. Single tokens are too quick to ask at each of their steps whether to go on."""
        while not self._compute.turn.acquire(timeout=WAIT_S):
            self._control.check()
        try:
            llama_cpp.llama_set_abort_callback(self._raw, self._stop if tokens > 1 else _NEVER, None)
            yield
        finally:
            self._compute.turn.release()
            self._log.expect_complaints(expected=False)


_NEVER = llama_cpp.ggml_abort_callback()


def _is_cancelled(control: Control, log: Log) -> Callable[[Any], bool]:
    def ask(_: Any) -> bool:
        try:
            control.check()
        except GenerationCancelled:
            log.expect_complaints(expected=True)
            return True
        return False

    return ask
