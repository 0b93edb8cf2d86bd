"""What a model writes, told apart as it comes: what it thinks, what it says, what it calls."""

from __future__ import annotations

from collections.abc import Callable

from backends.contract import Delta, ToolCall, ToolCallPart
from backends.conversation.cut_call import cut_call, may_begin_call
from backends.conversation.json_object import JsonObject
from backends.conversation.thoughts import THINK, ThoughtMarks, Thoughts
from backends.conversation.tools import ToolFormat, is_json, parse_call
from backends.text.stop_sequences import overlap
from backends.tool_calls import new_call_id, only_part

State = Callable[[], Delta | None]
"""Takes what it can from the text that is held; None where that needs more text."""


class Splitter:
    """Text in, deltas out. What may be the beginning of a mark is held back until it is certain.

    ``form``: how the model calls the ``tools`` of these names; None where it is offered none. ``marks``: of thoughts.
    ``has_grammar``: the answer is kept to ``answer_grammar``. What begins as a call is one then, and its arguments come
    as they are written; else they come once the call is whole.
    """

    def __init__(
        self,
        thoughts: Thoughts,
        form: ToolFormat | None,
        tools: frozenset[str],
        marks: ThoughtMarks = THINK,
        *,
        has_grammar: bool = False,
    ) -> None:
        self._marks = marks
        self._form = form
        self._tools = tools
        self._held = ""
        self._searched = 0
        self._calls = 0
        self._arguments_so_far = JsonObject()
        self._whole_call: State = self._call if form is None or form.begin else self._only_a_call
        self._any_call: State = self._call_head if has_grammar else self._whole_call
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

    def finish(self, *, cut: bool = False) -> list[Delta]:
        """Return the rest of the answer.

        A call that lacks only its closing mark is a call. If the answer was ``cut`` (by ``max_tokens``, the end of the
        context or a stop sequence), a call has the arguments so far, and the beginning of a mark is dropped.
        """
        held, self._held = self._held, ""
        if self._state == self._thoughts:
            return _nonempty(Delta(reasoning=_without_mark(held, self._marks.end) if cut else held))
        if self._state in (self._call, self._only_a_call, self._call_head):
            return _nonempty(self._unfinished_call(held, cut=cut))
        if self._state in (self._gap, self._call_end):
            return []
        mark = self._marks.begin if self._state == self._beginning else self._form.begin if self._form else ""
        return _nonempty(Delta(_without_mark(held, mark) if cut else held))

    def next_index(self) -> int:
        """Return the index of another call of the answer."""
        self._calls += 1
        return self._calls - 1

    def _unfinished_call(self, held: str, *, cut: bool) -> Delta:
        assert self._form is not None
        end = self._form.end
        if call := self._parsed(_without_mark(held, end)):
            return call
        if cut and (partial := cut_call(held, self._form, self._tools)):
            return self._called(partial)
        return Delta() if cut and may_begin_call(held, self._tools) else Delta(self._form.begin + held)

    def _beginning(self) -> Delta | None:
        text = self._held.lstrip()
        if text.startswith(self._marks.begin):
            self._held = text.removeprefix(self._marks.begin)
            self._state = self._thoughts
        elif self._marks.begin.startswith(text):
            return None
        else:
            self._state = self._first_words
        return Delta()

    def _thoughts(self) -> Delta | None:
        thought = self._before(self._marks.end, self._gap)
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
        self._state = self._any_call if text.startswith("{") else self._words
        return Delta()

    def _words(self) -> Delta | None:
        if self._form is not None and self._form.begin:
            text = self._before(self._form.begin, self._any_call)
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

    def _call_head(self) -> Delta | None:
        """A call of a grammar, up to its arguments."""
        assert self._form is not None
        text = self._held.lstrip()
        for name in self._tools:
            head = self._form.before_arguments(name)
            if text.startswith(head):
                self._held, self._state = text.removeprefix(head), self._arguments
                self._arguments_so_far = JsonObject()
                return self._called(ToolCall(new_call_id(), name, ""))
            if head.startswith(text):
                return None
        self._state = self._whole_call
        return Delta()

    def _arguments(self) -> Delta | None:
        end = self._arguments_so_far.end_in(self._held)
        if end is not None:
            self._state = self._call_end
        text, self._held = self._held[:end], self._held[len(self._held) if end is None else end :]
        return Delta(tool_calls=(ToolCallPart(self._calls - 1, text),)) if text else None

    def _call_end(self) -> Delta | None:
        """What closes a call; without marks, nothing follows it."""
        assert self._form is not None
        if not self._form.end or self._before(self._form.end, self._gap) is None:
            return None
        return Delta()

    def _only_a_call(self) -> Delta | None:
        return None

    def _parsed(self, text: str) -> Delta | None:
        assert self._form is not None
        call = parse_call(text, self._form, self._tools)
        return None if call is None else self._called(call)

    def _called(self, call: ToolCall) -> Delta:
        return Delta(tool_calls=(only_part(self.next_index(), call),))

    def _before(self, mark: str, then: State) -> str | None:
        """Text before ``mark``, which leads to the state ``then``; None where none is certain to be."""
        text, found, rest = self._held.partition(mark)
        if found:
            self._held, self._state = rest, then
            return text
        keep = overlap(self._held, mark)
        text, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return text or None


def _without_mark(text: str, mark: str) -> str:
    """Return ``text`` without the beginning of ``mark`` that it ends in."""
    return text[: len(text) - overlap(text, mark)]


def _nonempty(delta: Delta) -> list[Delta]:
    return [] if delta == Delta() else [delta]
