"""Connectionist temporal classification: letters of the frames' best classes (Graves et al. 2006, §3.2).

The best class of each frame, repetitions as one, blanks left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.contract import EngineError
from backends.json_files import read_json
from backends.speech.sound import Samples, Window, windows
from backends.speech.transcript import Chunk, Heard, Wish, refuse_language

WINDOW_S = 30
MARGIN_S = 5
"""Seconds that are heard at each end of a window and counted in its neighbour."""

Evaluate = Callable[[Samples], NDArray[Any]]
"""Logits of a window, shape [frames, classes]."""
_SPACE = "▁"


class Recogniser:
    """Writes what ``evaluate`` hears in the letters of a folder."""

    def __init__(self, folders: list[Path], rate: int, evaluate: Evaluate) -> None:
        self._letters = Letters(folders)
        self._rate = rate
        self._evaluate = evaluate

    def recognise(self, samples: Samples, wish: Wish) -> Heard:
        """The words.

        Raises:
            EngineError: ``bad_param`` for a language: such a model has one, and nothing tells which.
        """
        if wish.language is not None:
            raise refuse_language(wish.language)
        parts: list[NDArray[np.intp]] = []
        done = 0
        for window in windows(samples, WINDOW_S * self._rate, MARGIN_S * self._rate):
            parts.append(self._best(window))
            done += window.end - window.begin
            yield done // self._rate, len(samples) // self._rate, "seconds"
        frames = np.concatenate(parts)
        return list(self._letters.words(frames, len(samples) / self._rate / max(1, len(frames))))

    def _best(self, window: Window) -> NDArray[np.intp]:
        """The best class of each frame that counts."""
        best: NDArray[np.intp] = self._evaluate(window.samples).argmax(axis=-1)
        frames_per_sample = len(best) / len(window.samples)
        return best[round(window.begin * frames_per_sample) : round(window.end * frames_per_sample)]


class Letters:
    """The classes of a model: letters or pieces of words, a blank, and what stands between words."""

    def __init__(self, folders: list[Path]) -> None:
        """Read them from ``vocab.json`` or ``tokenizer.json``.

        Raises:
            EngineError: ``load_failed`` where there is neither.
        """
        config = read_json(folders, "tokenizer_config.json")
        self._texts = {number: text for text, number in _vocabulary(folders, config).items()}
        special = {**config, **read_json(folders, "special_tokens_map.json")}
        silent = {_text(special.get(name) or "") for name in ("pad_token", "bos_token", "eos_token", "unk_token")}
        self._silent = {number for number, text in self._texts.items() if text in silent | {"<s>", "</s>"}}
        blank = read_json(folders, "config.json").get("pad_token_id")
        self._silent |= {blank} if isinstance(blank, int) else set()
        self._between = _text(config.get("word_delimiter_token") or "|")
        self._is_lower = bool(config.get("do_lower_case"))

    def words(self, classes: NDArray[np.intp], seconds: float) -> Iterator[Chunk]:
        """The words of frames that last so many seconds each."""
        word, begin, end, at = "", 0, 0, 0
        for number, run in groupby(classes.tolist()):
            first, at = at, at + sum(1 for _ in run)
            if number in self._silent:
                continue
            text = self._text(number)
            if text.startswith(_SPACE) and word:
                yield Chunk(f" {word}", begin * seconds, end * seconds)
                word = ""
            if piece := text.removeprefix(_SPACE):
                begin = begin if word else first
                word, end = word + piece, at
        if word:
            yield Chunk(f" {word}", begin * seconds, end * seconds)

    def _text(self, number: int) -> str:
        text = self._texts.get(number, "")
        return _SPACE if text == self._between else text.lower() if self._is_lower else text


def _vocabulary(folders: list[Path], config: Mapping[str, Any]) -> dict[str, int]:
    try:
        found = _alphabet(read_json(folders, "vocab.json"), config)
        found = found or _of_tokenizer(read_json(folders, "tokenizer.json"))
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        message = f"The vocabulary in {folders[0]} has another form than one of letters: {error!r}"
        raise EngineError("load_failed", message, path=str(folders[0])) from error
    if not found:
        message = f"There is no vocab.json or tokenizer.json in {folders[0]}; download the model whole."
        raise EngineError("load_failed", message, path=str(folders[0]))
    return found


def _alphabet(content: dict[str, Any], config: Mapping[str, Any]) -> dict[str, int]:
    if any(isinstance(entry, dict) for entry in content.values()):  # one for each language
        return dict(content[str(config.get("target_lang"))])
    return content


def _of_tokenizer(content: dict[str, Any]) -> dict[str, int]:
    vocabulary = content.get("model", {}).get("vocab", {})
    if isinstance(vocabulary, list):  # with scores, in their order
        vocabulary = {entry[0]: number for number, entry in enumerate(vocabulary)}
    return {**vocabulary, **{token["content"]: token["id"] for token in content.get("added_tokens", [])}}


def _text(token: str | Mapping[str, Any]) -> str:
    return token if isinstance(token, str) else str(token.get("content", ""))
