"""The stream of a conversation's answer: an engine's, with thoughts and calls told from what is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from backends.contract import Completion, Delta, Progress, TextStream, ToolCallPart
from backends.conversation.fallback_templates import FallbackTemplate
from backends.conversation.harmony import HarmonySplitter
from backends.conversation.splitter import Splitter
from backends.tool_calls import whole_calls


class Answer:
    """A ``TextStream`` over one that knows text only."""

    def __init__(
        self, stream: TextStream, splitter: Splitter | HarmonySplitter, fallback: FallbackTemplate | None = None
    ) -> None:
        self._stream = stream
        self._fallback = fallback
        self._splitter = splitter
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[ToolCallPart] = []

    def __iter__(self) -> Iterator[Delta]:
        for raw in self._stream:
            first, *others = self._splitter.push(raw.text) or [Delta()]
            yield from self._noted(replace(first, logprobs=raw.logprobs), *others)
        yield from self._noted(*self._splitter.finish(cut=self._was_cut))

    def cancel(self) -> None:
        """Stop, in prefill too."""
        self._stream.cancel()

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._stream.progress

    @property
    def completion(self) -> Completion:
        """The whole answer."""
        done = self._stream.completion
        called = self._calls and not self._was_cut
        if self._fallback is not None:
            own = done.stop_sequence in self._fallback.stop
            done = replace(done, template=self._fallback.name, stop_sequence=None if own else done.stop_sequence)
        return replace(
            done,
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            tool_calls=whole_calls(self._calls),
            finish_reason="tool_calls" if called else done.finish_reason,
        )

    @property
    def _was_cut(self) -> bool:
        """True once the answer has ended before the model ended it."""
        done = self._stream.completion
        return done.finish_reason == "length" or done.stop_sequence is not None

    def _noted(self, *deltas: Delta) -> Iterator[Delta]:
        for delta in deltas:
            self._text.append(delta.text)
            self._reasoning.append(delta.reasoning)
            self._calls += delta.tool_calls
            if delta != Delta():
                yield delta
