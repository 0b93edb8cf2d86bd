"""What was said, in the shape of the hub's Inference API: ``{text}``, with ``chunks`` where times are asked for."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from backends.contract import EngineError, Steps
from backends.speech.sound import Samples


@dataclass(frozen=True, slots=True)
class Wish:
    """How a sound is to be written down. ``language``: a code such as ``en``; None: the model finds out."""

    language: str | None = None
    timestamps: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """A word or sentence with the white space before it; seconds from the sound's beginning."""

    text: str
    start: float
    end: float


Heard = Generator[tuple[int, int, str], None, list[Chunk]]
"""``Steps`` whose answer is chunks."""


def wish_of(parameters: Mapping[str, Any]) -> Wish:
    """What the parameters of an ``infer`` request ask for."""
    return Wish(parameters.get("language"), bool(parameters.get("return_timestamps")))


class Recogniser(Protocol):
    """What writes down a sound."""

    def recognise(self, samples: Samples, wish: Wish) -> Heard:
        """The chunks, in order.

        Raises:
            EngineError: ``bad_param`` for a language that the model does not know.
        """


def transcribed(recogniser: Recogniser, samples: Samples, wish: Wish) -> Steps:
    """The answer, on the way to which each step tells how many seconds are written down."""
    said = yield from recogniser.recognise(samples, wish)
    answer: dict[str, Any] = {"text": "".join(chunk.text for chunk in said).strip()}
    if wish.timestamps:
        times = ([round(chunk.start, 2), round(chunk.end, 2)] for chunk in said)
        answer["chunks"] = [{"text": chunk.text, "timestamp": time} for chunk, time in zip(said, times, strict=True)]
    return answer


def refuse_language(language: str | None, known: Iterable[str] = ()) -> EngineError:
    """The error for a language that the model does not write."""
    names = ", ".join(sorted(known))
    knows = f"one of {names}" if names else "none: it was trained for one language"
    return EngineError(
        "bad_param", f"parameters.language is {language}; this model takes {knows}.", path="parameters.language"
    )
