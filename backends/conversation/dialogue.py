"""A model's way of conversing: how its prompt is written, what its answer must match, how the answer is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from backends.contract import Constraint, Conversation, EngineError, Sampling, TextStream
from backends.conversation.answer import Answer
from backends.conversation.answer_grammar import answer_grammar
from backends.conversation.fallback_templates import FallbackTemplate
from backends.conversation.harmony import FINAL, HarmonySplitter
from backends.conversation.messages import for_templates
from backends.conversation.prompt import Piece, Renderer, SpecialTokens, build
from backends.conversation.shape import shapes
from backends.conversation.splitter import Splitter
from backends.conversation.template_options import template_options
from backends.conversation.thoughts import HARMONY_MARKS, THINK, Thoughts, is_harmony, marks_of
from backends.conversation.tools import HERMES, ToolFormat, described, native_format

_NO_TOOLS: tuple[Mapping[str, Any], ...] = ({}, {"tools": [], "documents": []})
"""Variables of a template that renders no tools: none, as Transformers passes, then empty lists."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A conversation ready to be answered: its prompt, how to sample, and how to read what comes.

    ``fallback``: the template that wrote the prompt; None for the model's own.
    """

    pieces: list[Piece]
    sampling: Sampling
    splitter: Splitter | HarmonySplitter
    fallback: FallbackTemplate | None = None

    def answer(self, stream: TextStream) -> TextStream:
        """What the engine makes of it, told apart."""
        return Answer(stream, self.splitter, self.fallback)


class Dialogue:
    """One model's. ``template`` is its template's source, as far as that is known.

    ``grammars``: whether the engine keeps answers to a grammar; without, tools are offered and never forced.
    ``pictures``: whether the engine shows the model those of a conversation.
    """

    def __init__(
        self,
        template: str,
        renderer: Renderer,
        special: SpecialTokens,
        *,
        grammars: bool = True,
        pictures: bool = False,
    ) -> None:
        self._renderer = renderer
        self._pictures = pictures and "image" in template
        self._special = special
        self._grammars = grammars
        self._native = native_format(template)
        self._marks = marks_of(template, special)
        self._is_harmony = is_harmony(template)

    @property
    def marks(self) -> tuple[str, ...]:
        """Marks that the engine shows in an answer's text even if they are control tokens."""
        return HARMONY_MARKS if self._is_harmony else (self._marks.begin, self._marks.end) if self._marks else ()

    def prepare(self, conversation: Conversation, sampling: Sampling) -> Prepared:
        """The conversation's prompt, and what goes with it.

        Raises:
            EngineError: ``bad_param``, ``unsupported_task``, ``template_error``, ``template_timeout``.
        """
        constraint = sampling.constraint
        pieces, form = self.pieces(conversation, self._native_beside(constraint))
        thoughts = self._thoughts_after(pieces, continues=_is_continued(conversation))
        if self._grammars and (constraint or conversation.tool_choice == "required"):
            thoughts = self._end_thoughts(pieces, thoughts)
        is_free = thoughts == "possible" and self._is_harmony  # a grammar has no control tokens, which its answer needs
        has_grammar = self._grammars and not is_free and bool(form or (constraint and thoughts != "none"))
        if has_grammar:
            marks = self._marks or THINK
            sampling = replace(sampling, constraint=answer_grammar(conversation, form, constraint, thoughts, marks))
        return Prepared(pieces, sampling, self.splitter(conversation, form, thoughts, has_grammar=has_grammar))

    def _end_thoughts(self, prompt: list[Piece], thoughts: Thoughts) -> Thoughts:
        """Have an answer that must match a grammar begin without thoughts where their marks are control tokens."""
        if self._is_harmony and thoughts == "possible":
            prompt.append(Piece(FINAL, parse_special=True))
        elif self._marks is None or self._marks == THINK or self._marks.begin not in self._special:
            return thoughts
        elif thoughts == "begun":
            prompt.append(Piece(self._marks.end, parse_special=True))
        return "none"

    def pieces(
        self, conversation: Conversation, native: ToolFormat | None = None
    ) -> tuple[list[Piece], ToolFormat | None]:
        """Return the prompt in the first shape that the template takes, and how tools are called after it.

        An assistant's turn at the end is continued, not followed by another. ``native``: the template renders tools in
        this format; where it does not take the conversation so, they are described.

        Raises:
            EngineError: what ``prepare`` raises; the error for the conversation as it is where no shape is taken.
        """
        first: EngineError | None = None
        for variables, form in self._tries(conversation, native):
            try:
                return build(variables, self._renderer, self._special, continues=_is_continued(conversation)), form
            except EngineError as error:
                if error.code != "template_error":
                    raise
                first = first or error
        assert first is not None, "a conversation has at least one shape"
        raise first

    def _tries(
        self, conversation: Conversation, native: ToolFormat | None
    ) -> Iterator[tuple[Mapping[str, Any], ToolFormat | None]]:
        """Yield variables of the template, and the format of calls after such a prompt."""
        variables = template_options(
            conversation, lambda: self._names, thinks=self._marks is not None or self._is_harmony
        )
        if _is_continued(conversation):
            variables["add_generation_prompt"] = False
        tools = _offered(conversation)
        messages = for_templates(_without_empty_end(conversation.messages), pictures=self._pictures)
        if native is not None:
            more = {"tools": list(tools)} if tools else {}
            for shape in self._shapes(messages):
                yield {"messages": shape, **variables, **more}, native if tools else None
        for nothing in _NO_TOOLS:
            for shape in self._shapes(described(messages, tools)):
                yield {"messages": shape, **variables, **nothing}, HERMES if tools else None

    def _shapes(self, messages: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
        if self._pictures:
            yield from shapes(messages, parts=(True, False))
            return
        yield from shapes(messages, parts=(False,))
        if self._reads_parts:
            yield from shapes(messages, parts=(True,))

    @cached_property
    def _names(self) -> frozenset[str]:
        """Names of the template's variables."""
        return self._renderer.names_read()

    @cached_property
    def _reads_parts(self) -> bool:
        """True if the template reads contents that are lists. Some templates write the list itself."""
        parts = [{"type": "text", "text": "probe"}]
        try:
            (text,) = self._renderer.render({"messages": [{"role": "user", "content": parts}]})
        except EngineError as error:
            if error.code != "template_error":
                raise
            return False
        return "probe" in text and "'text'" not in text and '"text"' not in text

    def splitter(
        self,
        conversation: Conversation,
        form: ToolFormat | None,
        thoughts: Thoughts = "none",
        *,
        has_grammar: bool = False,
    ) -> Splitter | HarmonySplitter:
        """Return what reads the answer to a prompt after which there are such ``thoughts``."""
        names = frozenset(tool["function"]["name"] for tool in _offered(conversation))
        if self._is_harmony and thoughts == "possible":
            return HarmonySplitter(Splitter("none", form, names), names)
        return Splitter(thoughts, form, names, self._marks or THINK, has_grammar=has_grammar)

    def _native_beside(self, constraint: Constraint | None) -> ToolFormat | None:
        """A call without marks cannot be told from words that must be JSON as well."""
        is_marked = self._native is not None and self._native.begin
        return self._native if constraint is None or is_marked else None

    def _thoughts_after(self, prompt: Sequence[Piece], *, continues: bool) -> Thoughts:
        end = "".join(piece.text for piece in prompt[-3:]).rstrip()
        if self._is_harmony:
            return "possible" if end.endswith("<|start|>assistant") and not continues else "none"
        if self._marks is None or end.endswith(self._marks.end):
            return "none"
        if end.endswith(self._marks.begin):
            return "begun"
        return "none" if continues else "possible"


def _is_continued(conversation: Conversation) -> bool:
    """Return True if the last message is what the assistant has said so far."""
    last = conversation.messages[-1] if conversation.messages else {}
    return last.get("role") == "assistant" and not last.get("tool_calls") and _is_said(last)


def _is_said(message: Mapping[str, Any]) -> bool:
    content = message.get("content") or ""
    texts = [content] if isinstance(content, str) else [part.get("text", "") for part in content]
    return any(text.strip() for text in texts)


def _without_empty_end(messages: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the messages without an assistant's that says, thinks and calls nothing: an answer is what comes next."""
    *others, last = messages
    begins = last["role"] == "assistant" and not (_is_said(last) or {"tool_calls", "reasoning_content"} & last.keys())
    return others if begins and others else messages


def _offered(conversation: Conversation) -> Sequence[Mapping[str, Any]]:
    return conversation.tools if conversation.tool_choice != "none" else ()
