"""What a language model wants of a tokenizer, whether a folder of Hugging Face's or the model itself has it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from llguidance import LLTokenizer

from backends.conversation.chat_template import ChatTemplate
from backends.conversation.prompt import Piece


class Decoder(Protocol):
    """Text of one answer's tokens."""

    def push(self, token: int) -> str:
        """Text that is complete with this token."""


class PromptTokenizer(Protocol):
    """Tokens of prompts and texts of tokens, by a model's own vocabulary and chat template.

    ``beginning`` is what an empty prompt consists of: something must be evaluated. ``longest_token``: characters of the
    longest token.
    """

    chat_template: ChatTemplate
    end_tokens: frozenset[int]
    beginning: list[int]
    longest_token: int

    def encode(self, text: str, *, special: bool = False, add_special: bool = False) -> list[int]:
        """Token ids. ``special``: control tokens in the text are parsed; ``add_special``: with the model's own ends."""

    def tokens(self, pieces: Iterable[Piece]) -> list[int]:
        """The tokens of a prompt."""

    def decoder(self, shown: Collection[str] = ()) -> Decoder:
        """For an answer; control tokens that are spelt like one of ``shown`` have their spelling as text."""

    def for_grammars(self) -> LLTokenizer:
        """The vocabulary as llguidance has it."""

    def close(self) -> None:
        """End the template's process."""
