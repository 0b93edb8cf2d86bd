"""Whisper's tokens: what a transcript is opened with, which tokens are times, which never come.

As in the folder's ``generation_config.json`` and tokenizer; Radford et al. 2022, §2.3.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from backends.contract import EngineError
from backends.json_files import read_json
from backends.speech.transcript import refuse_language

_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")
_MULTILINGUAL_VOCABULARY = 51_865
"""Tokens of the smallest vocabulary with languages; English models have one fewer."""


class WhisperVocabulary:
    """The tokens of one model. ``times`` is the first token that means a time."""

    def __init__(self, folders: Sequence[Path], tokenizer: Tokenizer) -> None:
        """Read them.

        Raises:
            EngineError: ``load_failed`` where this is no vocabulary of Whisper's.
        """
        config = {**read_json(folders, "config.json"), **read_json(folders, "generation_config.json")}
        self._tokenizer = tokenizer
        self.start = self._needed("<|startoftranscript|>", folders[0])
        self.end = self._needed("<|endoftext|>", folders[0])
        self.no_timestamps = self._needed("<|notimestamps|>", folders[0])
        self.times = self.no_timestamps + 1
        self.latest_first_time: int | None = config.get("max_initial_timestamp_index")
        found = (tokenizer.token_to_id(name) for name in ("<|nospeech|>", "<|nocaptions|>"))
        self.no_speech: int | None = next((token for token in found if token is not None), None)
        added = tokenizer.get_added_tokens_decoder()
        self._controls = {number for number in added if number < self.times}
        tokens = config.get("vocab_size", tokenizer.get_vocab_size())
        speaks_many = config.get("is_multilingual", tokens >= _MULTILINGUAL_VOCABULARY)
        matches = ((number, _LANGUAGE.fullmatch(token.content)) for number, token in added.items())
        self.languages = {match[1]: number for number, match in matches if match} if speaks_many else {}
        self._transcribe = self._needed("<|transcribe|>", folders[0]) if speaks_many else self.start
        self._never = np.array(config.get("suppress_tokens") or [], dtype=np.intp)
        self._never_first = np.array(config.get("begin_suppress_tokens") or [], dtype=np.intp)

    def check(self, language: str | None) -> None:
        """Refuse a language that the model does not know.

        Raises:
            EngineError: ``bad_param``.
        """
        known = self.languages or {"en": 0}
        if language is not None and _code(language) not in known:
            raise refuse_language(language, known)

    def opening(self, language: str | None, *, timestamps: bool) -> list[int]:
        """The tokens before the text; a model that knows several languages must be told which."""
        tokens = [self.start]
        if self.languages and language is not None:
            tokens += [self.languages[_code(language)], self._transcribe]
        return tokens if timestamps else [*tokens, self.no_timestamps]

    def likeliest_language(self, logits: NDArray[Any]) -> str | None:
        """What is spoken, by the logits after ``start``; None for a model that knows one language only."""
        return max(self.languages, key=lambda code: float(logits[self.languages[code]]), default=None)

    def silence(self, logits: NDArray[np.float32], *, first: bool) -> None:
        """Take out the tokens that never come, or never come first."""
        for tokens in (self._never, self._never_first) if first else (self._never,):
            logits[tokens[tokens < len(logits)]] = -np.inf

    def text(self, tokens: Sequence[int]) -> str:
        """The words among the tokens."""
        words = [token for token in tokens if token < self.times and token not in self._controls]
        return str(self._tokenizer.decode(words, skip_special_tokens=False))

    def _needed(self, name: str, folder: Path) -> int:
        token: int | None = self._tokenizer.token_to_id(name)
        if token is None:
            raise EngineError(
                "load_failed", f"The tokenizer has no {name}; download the model whole.", path=str(folder)
            )
        return token


def _code(language: str) -> str:
    """``en`` of ``en-GB``."""
    return language.lower().split("-")[0]
