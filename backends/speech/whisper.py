"""Whisper: windows of one length, each decoded greedily; times among the tokens tell where the next one begins.

Radford et al. 2022, §2.3, §3.8 and §4.5. What an engine adds is the evaluation of a window.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backends.speech.sound import Samples
from backends.speech.transcript import Chunk, Heard, Wish
from backends.speech.whisper_vocabulary import WhisperVocabulary
from backends.text.sampler import softmax

NO_SPEECH_ABOVE = 0.6
UNLIKELY_BELOW = -1.0
"""Mean log probability of a token; below it, and with a likely silence, a window's words were made up (§4.5)."""

SHORTEST_REST_S = 0.1
"""Seconds; what is shorter at the end of a sound holds no word, and no window moves on by less."""


class Listener(Protocol):
    """One window, as it is being written down."""

    def evaluate(self, tokens: Sequence[int]) -> NDArray[Any]:
        """Logits (shape [vocabulary]) of what follows all tokens so far and these."""


Listen = Callable[[Samples], Listener]
"""Hears a window."""
Decoding = Generator[None, None, tuple[list[int], str | None]]
"""A window's tokens and language; a step is a token."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a model.

    ``length``: samples of a window; ``rate``: of a second; ``positions``: tokens that the decoder has places for;
    ``step_s``: seconds from one time token to the next.
    """

    length: int
    rate: int
    positions: int
    step_s: float


class Recogniser:
    """Writes what is heard, sentence by sentence."""

    def __init__(self, vocabulary: WhisperVocabulary, shape: Shape, listen: Listen) -> None:
        self._vocabulary = vocabulary
        self._shape = shape
        self._listen = listen

    def recognise(self, samples: Samples, wish: Wish) -> Heard:
        """The sentences.

        Raises:
            EngineError: ``bad_param`` for a language that the model does not know.
        """
        self._vocabulary.check(wish.language)
        with_times = wish.timestamps or len(samples) > self._shape.length
        said: list[Chunk] = []
        language, at = wish.language, 0
        while at == 0 or len(samples) - at >= self._shape.rate * SHORTEST_REST_S:
            window = samples[at : at + self._shape.length]
            progress = (at // self._shape.rate, len(samples) // self._shape.rate, "seconds")
            decoding = self._decode(window, language, with_times=with_times)
            tokens, language = yield from _saying(progress, decoding)
            sentences, heard = self._sentences(tokens, len(window))
            offset = at / self._shape.rate
            for words, begin, end in sentences:
                if text := self._vocabulary.text(words):
                    said.append(Chunk(text, offset + begin, offset + end))
            at += heard
        return said

    def _decode(self, window: Samples, language: str | None, *, with_times: bool) -> Decoding:
        """The tokens of a window, none where nobody speaks; and the language, which the first window decides."""
        vocabulary = self._vocabulary
        listener = self._listen(window)
        logits = listener.evaluate([vocabulary.start]).astype(np.float32)
        silent = float(softmax(logits)[vocabulary.no_speech]) if vocabulary.no_speech is not None else 0.0
        language = language or vocabulary.likeliest_language(logits)
        opening = vocabulary.opening(language, timestamps=with_times)
        logits = listener.evaluate(opening[1:]).astype(np.float32) if opening[1:] else logits
        tokens: list[int] = []
        likelihood = 0.0
        most = min(self._shape.positions // 2, self._shape.positions - len(opening))
        while True:
            vocabulary.silence(logits, first=not tokens)
            if with_times:
                self._keep_times_in_order(logits, tokens)
            token = int(logits.argmax())
            likelihood += float(np.log(softmax(logits)[token]))
            if token == vocabulary.end or len(tokens) == most:
                break
            tokens.append(token)
            yield
            logits = listener.evaluate([token]).astype(np.float32)
        made_up = silent > NO_SPEECH_ABOVE and likelihood / (len(tokens) + 1) < UNLIKELY_BELOW
        return [] if made_up else tokens, language

    def _keep_times_in_order(self, logits: NDArray[np.float32], tokens: Sequence[int]) -> None:
        """Rule out tokens after which times would not come in pairs that go forward, around each sentence."""
        times, end = self._vocabulary.times, self._vocabulary.end
        logits[self._vocabulary.no_timestamps] = -np.inf
        if not tokens:
            logits[:times] = -np.inf
            if self._vocabulary.latest_first_time is not None:
                logits[times + self._vocabulary.latest_first_time + 1 :] = -np.inf
            return
        closes = tokens[-1] >= times and len(tokens) > 1 and tokens[-2] < times
        if closes:
            logits[:end] = -np.inf
        elif tokens[-1] >= times:
            logits[times:] = -np.inf
        latest = next((token for token in reversed(tokens) if token >= times), None)
        if latest is not None:
            logits[times : latest + (0 if closes else 1)] = -np.inf
        probabilities = softmax(logits)
        if probabilities[times:].sum() > probabilities[:times].max():
            logits[:times] = -np.inf

    def _sentences(self, tokens: list[int], length: int) -> tuple[list[tuple[list[int], float, float]], int]:
        """Tokens of each sentence with its seconds in the window; and how many samples of the window are done with."""
        times, window_s = self._vocabulary.times, length / self._shape.rate

        def seconds(token: int) -> float:
            return min((token - times) * self._shape.step_s, window_s)

        cuts = [at for at in range(1, len(tokens)) if tokens[at - 1] >= times and tokens[at] >= times]
        marks = [token for token in tokens if token >= times]
        if not cuts:
            end = seconds(marks[-1]) if len(marks) > 1 else window_s
            return [(tokens, seconds(marks[0]) if marks else 0.0, end)], length
        ends_whole = tokens[-1] >= times > tokens[-2]
        whole = zip([0, *cuts], [*cuts, *([len(tokens)] if ends_whole else [])], strict=False)
        sentences = [(tokens[begin:end], seconds(tokens[begin]), seconds(tokens[end - 1])) for begin, end in whole]
        # A sentence that the window's end cut off is heard again, whole, in the next window.
        heard = length if ends_whole else int(seconds(tokens[cuts[-1] - 1]) * self._shape.rate)
        return sentences, heard if heard >= SHORTEST_REST_S * self._shape.rate else length


def _saying(progress: tuple[int, int, str], decoding: Decoding) -> Generator[tuple[int, int, str], None, Any]:
    """The decoding's steps, each of which says how far the sound is."""
    while True:
        try:
            next(decoding)
        except StopIteration as end:
            return end.value
        yield progress
