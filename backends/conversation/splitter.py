"""What a model writes, told apart as it comes: what it thinks, what it says, what it calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from backends.contract import Delta
from backends.conversation.tools import ToolFormat, is_json, parse_call
from backends.text.stop_sequences import overlap

THINK, END_THINK = "<think>", "</think>"

Thoughts = Literal["none", "possible", "begun"]
"""What a prompt leaves of a model's thoughts to its answer: none, perhaps some, or those that the prompt begins."""
State = Callable[[], Delta | None]
"""Takes what it can from the text that is held; None where that needs more text."""


class Splitter:
    """Text in, deltas out. What may be the beginning of a mark is held back until it is certain.

    ``form``: how the model calls the ``tools`` of these names; None where it is offered none.
    """

    def __init__(self, thoughts: Thoughts, form: ToolFormat | None, tools: frozenset[str]) -> None:
        self._form = form
        self._tools = tools
        self._held = ""
        self._searched = 0
        first: dict[Thoughts, State] = {
            "none": self._first_words,
            "possible": self._beginning,
            "begun": self._thoughts,
        }
        self._state = first[thoughts]

    def push(self, text: str) -> list[Delta]:
        """What is certain now."""
        self._held += text
        certain = []
        while (delta := self._state()) is not None:
            if delta != Delta():
                certain.append(delta)
        return certain

    def finish(self) -> list[Delta]:
        """What was held back; a call that was cut is text."""
        held, self._held = self._held, ""
        if self._state == self._thoughts:
            return [Delta(reasoning=held)]
        if self._state == self._call and self._form is not None:
            return [Delta(self._form.begin + held)]
        if self._state == self._only_a_call:
            return [self._parsed(held) or Delta(held)]
        return [] if self._state == self._gap else [Delta(held)]

    def _beginning(self) -> Delta | None:
        text = self._held.lstrip()
        if text.startswith(THINK):
            self._held = text.removeprefix(THINK)
            self._state = self._thoughts
        elif THINK.startswith(text):
            return None
        else:
            self._state = self._first_words
        return Delta()

    def _thoughts(self) -> Delta | None:
        thought = self._before(END_THINK, self._gap)
        return None if thought is None else Delta(reasoning=thought)

    def _gap(self) -> Delta | None:
        """White space after thoughts and calls says nothing."""
        self._held = self._held.lstrip()
        if not self._held:
            return None
        self._state = self._first_words
        return Delta()

    def _first_words(self) -> Delta | None:
        if self._form is None or self._form.begin:
            self._state = self._words
            return Delta()
        text = self._held.lstrip()
        if not text:
            return None
        self._state = self._only_a_call if text.startswith("{") else self._words
        return Delta()

    def _words(self) -> Delta | None:
        if self._form is not None and self._form.begin:
            text = self._before(self._form.begin, self._call)
            return None if text is None else Delta(text)
        text, self._held = self._held, ""
        return Delta(text) if text else None

    def _call(self) -> Delta | None:
        assert self._form is not None
        end = self._form.end
        at = self._held.find(end, self._searched)
        if at < 0:
            self._searched = max(0, len(self._held) - len(end) + 1)
            return None
        text, rest = self._held[:at], self._held[at + len(end) :]
        call = self._parsed(text)
        if call is None and not is_json(text):
            self._searched = at + 1  # the mark stands in a text of the call, or this is none
            return Delta()
        self._held, self._searched = rest, 0
        self._state = self._words if call is None else self._gap
        return call or Delta(self._form.begin + text + end)

    def _only_a_call(self) -> Delta | None:
        return None

    def _parsed(self, text: str) -> Delta | None:
        assert self._form is not None
        call = parse_call(text, self._form, self._tools)
        return None if call is None else Delta(tool_calls=(call,))

    def _before(self, mark: str, then: State) -> str | None:
        """Text before ``mark``, which leads to the state ``then``; None where none is certain to be."""
        text, found, rest = self._held.partition(mark)
        if found:
            self._held, self._state = rest, then
            return text
        keep = overlap(self._held, mark)
        text, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return text or None
