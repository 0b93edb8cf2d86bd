"""Prompts and answers of a GGUF model: its own vocabulary and chat template, with content that cannot forge tokens."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from llguidance import LLTokenizer
from llguidance.llamacpp import lltokenizer_from_vocab

from backends.conversation.chat_template import ChatTemplate
from backends.conversation.prompt import Piece
from backends.llama_cpp_python.vocabulary import Decoder, Vocabulary


class GgufTokenizer:
    """What a ``LanguageModel`` wants of a tokenizer."""

    def __init__(self, vocabulary: Vocabulary, chat_template: str | None) -> None:
        self._vocabulary = vocabulary
        bos, eos = ("" if token is None else vocabulary.spelling(token) for token in (vocabulary.bos, vocabulary.eos))
        self.chat_template = ChatTemplate(chat_template, vocabulary.special, {"bos_token": bos, "eos_token": eos})
        self.end_tokens = vocabulary.end_tokens
        self.longest_token = vocabulary.longest_token
        first = vocabulary.bos
        self.beginning = [first if first is not None else min(self.end_tokens, default=0)]

    def encode(self, text: str, *, special: bool = False, add_special: bool = False) -> list[int]:
        """Token ids. ``special``: control tokens in the text are parsed; ``add_special``: with the model's own ends."""
        vocabulary = self._vocabulary
        tokens = vocabulary.parse(text) if special else vocabulary.plain(text)
        return [*vocabulary.prefix, *tokens, *vocabulary.suffix] if add_special else tokens

    def tokens(self, pieces: Iterable[Piece]) -> list[int]:
        """The tokens of a prompt, after BOS where the model wants one and the template wrote none."""
        tokens = [token for piece in pieces for token in self.encode(piece.text, special=piece.parse_special)]
        prefix = self._vocabulary.prefix
        return tokens if tokens[: len(prefix)] == prefix else [*prefix, *tokens]

    def decoder(self, shown: Collection[str] = ()) -> Decoder:
        """Text of tokens that come one by one; see ``PromptTokenizer``."""
        return Decoder(self._vocabulary, frozenset(shown))

    def for_grammars(self) -> LLTokenizer:
        """The vocabulary as llguidance has it."""
        return lltokenizer_from_vocab(self._vocabulary.raw, self._vocabulary.size, sorted(self.end_tokens))

    def close(self) -> None:
        """End the template's process."""
        self.chat_template.close()
