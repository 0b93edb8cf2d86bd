"""What the runtime's tokenizer makes of text, and prompts in pieces of which no content becomes a control token.

The runtime takes no token ids, only texts. Each is tokenised by itself, with control tokens parsed: so what must not be
one is given character by character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from backends.contract import EngineError
from backends.conversation.prompt import Piece, SpecialTokens, Variables, build

CHUNK = 256
"""Tokens evaluated between two looks at whether the request was cancelled."""

_LARGEST, _GAP = 1 << 20, 4096
_LOOKS_SPECIAL = re.compile(r"<[^\s<>]+>|\[[^\s\[\]]+\]")
"""The runtime does not tell which tokens are special; one that is none loses nothing but its being one token."""
_BETWEEN_WORDS = re.compile(r"(?<=\w)(?= \w)")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Part(NamedTuple):
    """Texts to evaluate at once, and how many tokens they are."""

    texts: tuple[str, ...]
    tokens: int


class Vocabulary:
    """Tokens of one model."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._bos: int | None = engine.bos_token_id
        self._ends = [ids[0] for ids in engine.eos_token_ids if len(ids) == 1]
        special = [self._text(token) for token in self._ends if token >= 0]
        empty = token = self.size = 0
        self.longest_token = 1
        while token < _LARGEST and empty < _GAP:
            text = self._text(token)
            token += 1
            self.longest_token = max(self.longest_token, len(text))
            empty = 0 if text else empty + 1
            self.size = token if text else self.size
            if _LOOKS_SPECIAL.fullmatch(text):
                special.append(text)
        self._bos_text = self._text(self._bos) if self._bos is not None else ""
        self.special = SpecialTokens([*special, self._bos_text])

    def encode(self, text: str, *, special: bool, add_special: bool) -> list[int]:
        """Token ids; ``add_special``: with the model's BOS."""
        texts = [_clean(text)] if special else self.plain(text)
        bos = [self._bos] if add_special and self._bos is not None else []
        return [*bos, *(token for it in texts for token in self._engine.tokenize(it))]

    def plain(self, text: str) -> list[str]:
        """Text in which nothing is a control token, in pieces."""
        return self._unforged(build({"content": text}, _Contents(), self.special))

    def rendered(self, pieces: Sequence[Piece]) -> list[str]:
        """A rendered conversation in pieces, without the BOS that the runtime puts before it."""
        texts = self._unforged(pieces)
        if texts and self._bos_text and pieces[0].parse_special:
            texts[0] = texts[0].removeprefix(self._bos_text)
        return [text for text in texts if text]

    def beginning(self) -> str:
        """What an empty prompt consists of: something must be evaluated."""
        if self._bos_text:
            return self._bos_text
        if self._ends:
            return self._text(self._ends[0])
        raise EngineError("bad_param", "The prompt is empty, and this model has no token to begin with.")

    def parts(self, texts: Iterable[str]) -> Iterator[Part]:
        """Texts in groups of about ``CHUNK`` tokens; the first counts the BOS that the runtime adds."""
        group: list[str] = []
        tokens = 0 if self._bos is None else 1
        for text in texts:
            for piece, count in self._split(text, self._engine.tokenize(text)):
                if group and tokens + count > CHUNK:
                    yield Part(tuple(group), tokens)
                    group, tokens = [], 0
                group.append(piece)
                tokens += count
        if group:
            yield Part(tuple(group), tokens)

    def _split(self, text: str, tokens: Sequence[int]) -> Iterator[tuple[str, int]]:
        """Pieces of a long text that are the same tokens as the whole."""
        middle = _BETWEEN_WORDS.search(text, len(text) // 2) if len(tokens) > CHUNK else None
        if middle is not None:
            halves = [text[: middle.start()], text[middle.start() :]]
            of_halves = [self._engine.tokenize(half) for half in halves]
            if [*of_halves[0], *of_halves[1]] == list(tokens):
                for half, its_tokens in zip(halves, of_halves, strict=True):
                    yield from self._split(half, its_tokens)
                return
        yield text, len(tokens)

    def _unforged(self, pieces: Iterable[Piece]) -> list[str]:
        texts: list[str] = []
        for piece in pieces:
            text = _clean(piece.text)
            texts += [text] if piece.parse_special else self._characters(text)
        return texts

    def _characters(self, text: str) -> Iterator[str]:
        for character in text:
            yield _REPLACEMENT if character in self.special else character

    def _text(self, token: int) -> str:
        text: str = self._engine.detokenize([token])
        return text


class _Contents:
    """Renders a conversation as its contents alone."""

    def render(self, *conversations: Variables) -> list[str]:
        return [conversation["content"] for conversation in conversations]

    def names_read(self) -> frozenset[str]:
        return frozenset()


def _clean(text: str) -> str:
    """NUL ends a text on its way into the runtime."""
    return text.replace("\0", _REPLACEMENT)
