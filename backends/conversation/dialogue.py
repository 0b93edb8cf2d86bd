"""A model's way of conversing: how its prompt is written, what its answer must match, how the answer is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backends.contract import Constraint, Conversation, EngineError, Sampling, TextStream
from backends.conversation.answer import Answer
from backends.conversation.answer_grammar import answer_grammar
from backends.conversation.messages import for_templates, in_parts
from backends.conversation.prompt import Piece, Renderer, SpecialTokens, build
from backends.conversation.splitter import END_THINK, THINK, Splitter, Thoughts
from backends.conversation.tools import HERMES, ToolFormat, described, native_format


@dataclass(frozen=True, slots=True)
class Prepared:
    """A conversation ready to be answered: its prompt, how to sample, and how to read what comes."""

    pieces: list[Piece]
    sampling: Sampling
    splitter: Splitter

    def answer(self, stream: TextStream) -> TextStream:
        """What the engine makes of it, told apart."""
        return Answer(stream, self.splitter)


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
        self._thinks = THINK in template

    def prepare(self, conversation: Conversation, sampling: Sampling) -> Prepared:
        """The conversation's prompt, and what goes with it.

        Raises:
            EngineError: ``bad_param``, ``unsupported_task``, ``template_error``, ``template_timeout``.
        """
        constraint = sampling.constraint
        native = self._native_beside(constraint)
        pieces = self.pieces(conversation, native)
        thoughts = self._thoughts_after(pieces)
        form = _form(conversation, native)
        if self._grammars and (form or (constraint and thoughts != "none")):
            sampling = replace(sampling, constraint=answer_grammar(conversation, form, constraint, thoughts))
        return Prepared(pieces, sampling, self.splitter(conversation, native, thoughts))

    def pieces(self, conversation: Conversation, native: ToolFormat | None = None) -> list[Piece]:
        """The prompt; raises what ``prepare`` does. ``native``: tools are rendered by the template, in this format."""
        variables: dict[str, Any] = {}
        if conversation.thinking is not None:
            variables["enable_thinking"] = conversation.thinking
        tools = _offered(conversation)
        messages: Sequence[Mapping[str, Any]] = for_templates(conversation.messages, pictures=self._pictures)
        if native is not None:
            return self._built(messages, {**variables, "tools": list(tools)} if tools else variables)
        try:
            return self._built(described(messages, tools), variables)
        except EngineError as error:
            if error.code != "template_error" or not tools:
                raise
        return self._built(described(messages, tools, in_question=True), variables)

    def splitter(
        self, conversation: Conversation, native: ToolFormat | None = None, thoughts: Thoughts = "none"
    ) -> Splitter:
        """What reads the answer to a prompt after which there are such ``thoughts``."""
        names = frozenset(tool["function"]["name"] for tool in _offered(conversation))
        return Splitter(thoughts, _form(conversation, native), names)

    def _built(self, messages: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]) -> list[Piece]:
        messages = in_parts(messages) if self._pictures else messages
        return build({"messages": messages, **variables}, self._renderer, self._special)

    def _native_beside(self, constraint: Constraint | None) -> ToolFormat | None:
        """A call without marks cannot be told from words that must be JSON as well."""
        is_marked = self._native is not None and self._native.begin
        return self._native if constraint is None or is_marked else None

    def _thoughts_after(self, prompt: Sequence[Piece]) -> Thoughts:
        end = "".join(piece.text for piece in prompt[-3:]).rstrip()
        if not self._thinks or end.endswith(END_THINK):
            return "none"
        return "begun" if end.endswith(THINK) else "possible"


def _form(conversation: Conversation, native: ToolFormat | None) -> ToolFormat | None:
    return (native or HERMES) if _offered(conversation) else None


def _offered(conversation: Conversation) -> Sequence[Mapping[str, Any]]:
    return conversation.tools if conversation.tool_choice != "none" else ()
