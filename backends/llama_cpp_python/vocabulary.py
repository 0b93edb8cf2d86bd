"""Text to tokens and back, by the vocabulary in a GGUF file."""

from __future__ import annotations

import codecs
import ctypes

import llama_cpp

from backends.conversation.prompt import SpecialTokens
from backends.llama_cpp_python.weights import Weights

_ALWAYS_READ = llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
_READ_ON_DEMAND = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Vocabulary:
    """llama.cpp's, whose user-defined tokens text cannot form either, unless they are white space."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights  # it owns what ``raw`` points at
        self.raw = llama_cpp.llama_model_get_vocab(weights.raw)
        self.size = llama_cpp.llama_vocab_n_tokens(self.raw)
        everything = range(self.size)
        self.end_tokens = frozenset(token for token in everything if llama_cpp.llama_vocab_is_eog(self.raw, token))
        spellings = {token: self.spelling(token) for token in everything if self._is_special(token)}
        self._special_ids = frozenset(spellings)
        self.special = SpecialTokens(spellings.values())
        self.longest_token = max((len(self.spelling(token)) for token in everything), default=1)
        self.bos = self._known(llama_cpp.llama_vocab_bos(self.raw))
        self.eos = self._known(llama_cpp.llama_vocab_eos(self.raw))
        self.prefix = [self.bos] if self.bos is not None and llama_cpp.llama_vocab_get_add_bos(self.raw) else []
        self.suffix = [self.eos] if self.eos is not None and llama_cpp.llama_vocab_get_add_eos(self.raw) else []

    def parse(self, text: str) -> list[int]:
        """Token ids of text that the model's maker wrote: control tokens in it are read."""
        return self._tokenize(text, parse_special=True)

    def plain(self, text: str) -> list[int]:
        """Token ids of text that others wrote: nothing in it is a control token."""
        tokens = self._tokenize(text, parse_special=False)
        if self._special_ids.isdisjoint(tokens):
            return tokens
        tokens, at = [], 0
        for start, _ in self.special.find(text):  # cut after its first character, none is whole
            cut = start + 1
            tokens += self._tokenize(self._unmarked(text[at:cut]), parse_special=False)
            at = cut
        return tokens + self._tokenize(text[at:], parse_special=False)

    def piece(self, token: int) -> bytes:
        """Bytes of a token, possibly part of a character; none for control tokens."""
        room = 32
        while True:
            data = ctypes.create_string_buffer(room)
            count = llama_cpp.llama_token_to_piece(self.raw, token, data, room, 0, False)
            if count >= 0:
                return data.raw[:count]
            room = -count

    def spelling(self, token: int) -> str:
        """The entry as it is written down."""
        return str(llama_cpp.llama_vocab_get_text(self.raw, token), errors="replace")

    def _tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        data = text.encode(errors="replace")
        room = len(data) // 3 + 8
        while True:
            tokens = (llama_cpp.llama_token * room)()
            count = llama_cpp.llama_tokenize(self.raw, data, len(data), tokens, room, False, parse_special)
            if count >= 0:
                return list(tokens[:count])
            room = -count

    def _unmarked(self, text: str) -> str:
        """Without a token of a single character at its end, which cannot be cut."""
        return text[:-1] + _REPLACEMENT if text[-1:] in self.special else text

    def _is_special(self, token: int) -> bool:
        kind = llama_cpp.llama_vocab_get_attr(self.raw, token)
        if kind & _ALWAYS_READ:
            return bool(self.spelling(token).strip(" \t\n\u2581"))
        return bool(kind & _READ_ON_DEMAND)

    def _known(self, token: int) -> int | None:
        return token if 0 <= token < self.size else None


class Decoder:
    """Gives out whole code points; control tokens have no text, but those that are spelt like one of ``shown``."""

    def __init__(self, vocabulary: Vocabulary, shown: frozenset[str]) -> None:
        self._vocabulary = vocabulary
        self._shown = shown
        self._text = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token: int) -> str:
        """Text that is complete with this token."""
        data = self._vocabulary.piece(token)
        if not data and self._shown and (spelling := self._vocabulary.spelling(token)) in self._shown:
            return spelling
        return self._text.decode(data)
