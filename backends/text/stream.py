"""A ``TextStream`` over an engine's own loop: counts, times, stops, and gathers small pieces."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import NamedTuple

from backends.contract import Completion, Delta, FinishReason, Progress, Sampling, TokenLogprob, ToolCallPart
from backends.text.control import Control, Slots
from backends.text.stop_sequences import StopSequences
from backends.tool_calls import whole_calls


class Piece(NamedTuple):
    """Text of so many tokens; a token may have no text yet. Thoughts and calls come from servers, which tell them."""

    text: str = ""
    tokens: int = 1
    logprobs: tuple[TokenLogprob, ...] = ()
    reasoning: str = ""
    tool_calls: tuple[ToolCallPart, ...] = ()


Pieces = Generator[Piece, None, None]


class Generation:
    """Pulls pieces from ``source``, which runs in the thread that iterates.

    The source is a generator: it calls ``Control.check`` between its steps and ends where the model ends its answer.
    ``cached_tokens`` of the prompt need not be evaluated.
    """

    def __init__(
        self,
        source: Callable[[Control], Pieces],
        control: Control,
        slots: Slots,
        sampling: Sampling,
        coalesce_ms: float,
    ) -> None:
        self._source = source
        self._control = control
        self._slots = slots
        self._sampling = sampling
        self._coalesce_s = coalesce_ms / 1000
        self._stops = StopSequences(sampling.stop)
        self._shown: list[Delta] = []
        self._tokens = 0
        self._finish: FinishReason = "stop"
        self._asked = self._began = self._first = self._ended = time.monotonic()
        self.cached_tokens = 0

    def __iter__(self) -> Iterator[Delta]:
        with self._slots.one(self._control):
            self._began = self._first = time.monotonic()
            waiting, shown = Delta(), float("-inf")
            for delta in self._deltas():
                waiting = _joined(waiting, delta)
                if waiting != Delta() and time.monotonic() - shown >= self._coalesce_s:
                    self._shown.append(waiting)
                    yield waiting
                    waiting, shown = Delta(), time.monotonic()
            if waiting != Delta():
                self._shown.append(waiting)
                yield waiting
            self._ended = time.monotonic()

    def _deltas(self) -> Iterator[Delta]:
        """What belongs to the answer, until it ends for one reason or another."""
        with closing(self._source(self._control)) as pieces:
            for piece in pieces:
                if not self._tokens:
                    self._first = time.monotonic()
                self._tokens += piece.tokens
                yield Delta(self._stops.push(piece.text), piece.reasoning, piece.tool_calls, piece.logprobs)
                if self._stops.found:
                    return
                if self._tokens >= self._sampling.max_tokens:
                    self._finish = "length"
                    break
                self._control.check()
            else:
                self._finish = self._control.finish
        yield Delta(self._stops.flush())

    def cancel(self) -> None:
        """Stop, in prefill too."""
        self._control.cancel()

    @property
    def progress(self) -> Progress:
        """How far the prompt is."""
        return self._control.progress

    @property
    def completion(self) -> Completion:
        """The whole answer."""
        return Completion(
            text="".join(delta.text for delta in self._shown),
            finish_reason=self._finish,
            prompt_tokens=self._control.prompt_tokens,
            completion_tokens=self._tokens,
            cached_tokens=self.cached_tokens,
            queue_ms=(self._began - self._asked) * 1000,
            prefill_ms=(self._first - self._began) * 1000,
            decode_ms=(self._ended - self._first) * 1000,
            time_to_first_token_ms=(self._first - self._asked) * 1000,
            reasoning="".join(delta.reasoning for delta in self._shown),
            tool_calls=whole_calls(part for delta in self._shown for part in delta.tool_calls),
            stop_sequence=self._stops.found or self._control.stop_sequence,
        )


def _joined(one: Delta, other: Delta) -> Delta:
    return Delta(
        one.text + other.text,
        one.reasoning + other.reasoning,
        one.tool_calls + other.tool_calls,
        one.logprobs + other.logprobs,
    )
