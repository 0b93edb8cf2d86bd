"""What was said, in the shape of the hub's Inference API: ``{text}``, with ``chunks`` where times are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from backends.contract import EngineError


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


def wish_of(parameters: Mapping[str, Any]) -> Wish:
    """What the parameters of an ``infer`` request ask for."""
    return Wish(parameters.get("language"), bool(parameters.get("return_timestamps")))


def transcript(chunks: Iterable[Chunk], wish: Wish) -> dict[str, Any]:
    """The answer."""
    said = list(chunks)
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
