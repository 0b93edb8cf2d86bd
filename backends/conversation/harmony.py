"""Splits answers of gpt-oss: ``analysis`` is reasoning, ``final`` is content, ``commentary`` to a function is a call.

<https://cookbook.openai.com/articles/openai-harmony>
"""

from __future__ import annotations

import re

from backends.contract import Delta, ToolCall
from backends.conversation.splitter import Splitter
from backends.conversation.tools import is_json
from backends.text.stop_sequences import overlap
from backends.tool_calls import new_call_id, only_part

_MESSAGE = "<|message|>"
_ENDS = ("<|end|>", "<|call|>", "<|return|>", "<|start|>", "<|channel|>")
"""Marks after which another message may follow; some answers leave out the first ones."""
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")
_FUNCTION = re.compile(r"to=functions\.([\w.-]+)")
FINAL = "<|channel|>final<|message|>"
"""Begins what is said, without thoughts before it."""


class HarmonySplitter:
    """Text in, deltas out, like ``Splitter``, which reads what is said."""

    def __init__(self, words: Splitter, tools: frozenset[str]) -> None:
        self._words = words
        self._tools = tools
        self._held = ""
        self._header: str | None = ""
        """The beginning of a message, up to its mark; None inside a message."""
        self._is_thought = False
        self._function = ""
        self._arguments = ""

    def push(self, text: str) -> list[Delta]:
        """Return what is certain now."""
        self._held += text
        deltas: list[Delta] = []
        while self._step(deltas):
            pass
        return [delta for delta in deltas if delta != Delta()]

    def finish(self, *, cut: bool = False) -> list[Delta]:
        """Return the rest of the answer; see ``Splitter.finish``."""
        deltas: list[Delta] = []
        if self._header is None:
            rest = self._held
            for mark in _ENDS:
                rest = rest[: len(rest) - overlap(rest, mark)]
            self._take(rest, deltas)
            self._end_message(deltas, cut=cut)
        elif not any(self._held.lstrip().startswith(mark) for mark in ("<", "assistant")):
            deltas += self._words.push(self._held)  # no message at all: words as they are
        self._held = ""
        return [delta for delta in (*deltas, *self._words.finish(cut=cut)) if delta != Delta()]

    def _step(self, deltas: list[Delta]) -> bool:
        """Take a part of what is held. Return False where that needs more text."""
        if self._header is not None:
            header, mark, rest = self._held.partition(_MESSAGE)
            if mark:
                self._begin_message(header)
                self._held = rest
            return bool(mark)
        at, mark = min(((self._held.find(mark), mark) for mark in _ENDS if mark in self._held), default=(-1, ""))
        if at < 0:
            keep = max(overlap(self._held, mark) for mark in _ENDS)
            self._take(self._held[: len(self._held) - keep], deltas)
            self._held = self._held[len(self._held) - keep :]
            return False
        self._take(self._held[:at], deltas)
        self._end_message(deltas, cut=False)
        self._held = self._held[at:]
        return True

    def _begin_message(self, header: str) -> None:
        channel, function = _CHANNEL.search(header), _FUNCTION.search(header)
        self._header = None
        self._is_thought = channel is not None and channel[1] == "analysis"
        self._function = function[1] if function and function[1] in self._tools else ""
        self._arguments = ""

    def _take(self, text: str, deltas: list[Delta]) -> None:
        if self._function:
            self._arguments += text
        elif self._is_thought:
            deltas.append(Delta(reasoning=text))
        else:
            deltas += self._words.push(text)

    def _end_message(self, deltas: list[Delta], *, cut: bool) -> None:
        if self._function and (cut or is_json(self._arguments)):
            call = ToolCall(new_call_id(), self._function, self._arguments.strip())
            deltas.append(Delta(tool_calls=(only_part(self._words.next_index(), call),)))
        elif self._function:
            deltas += self._words.push(self._arguments)
        self._function, self._header = "", ""
