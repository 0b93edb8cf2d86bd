"""The pictures of a conversation: ``data:`` URLs among the parts of its messages, and so many of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

from backends.contract import EngineError, Message
from backends.media import picture

MOST_PICTURES = 32
MOST_PIXELS_TOGETHER = 100_000_000
"""They are in memory at the same time."""


def pictures(messages: Sequence[Message]) -> list[NDArray[Any]]:
    """Each picture in order: RGB, shape [height, width, 3], uint8.

    Raises:
        EngineError: ``bad_param`` for one that cannot be read, and for too much.
    """
    places = list(_places(messages))
    if len(places) > MOST_PICTURES:
        raise _too_much(f"{len(places)} pictures; a model is shown {MOST_PICTURES} at most")
    seen: list[NDArray[Any]] = []
    pixels = 0
    for path, url in places:
        seen.append(picture(url.partition(",")[2], path))
        pixels += seen[-1].shape[0] * seen[-1].shape[1]
        if pixels > MOST_PIXELS_TOGETHER:
            raise _too_much(f"pictures of more than {MOST_PIXELS_TOGETHER // 1_000_000} million pixels; shrink them")
    return seen


def _places(messages: Sequence[Message]) -> Iterator[tuple[str, str]]:
    for turn, message in enumerate(messages):
        content = message.get("content")
        for number, part in enumerate(content if isinstance(content, list | tuple) else ()):
            if part["type"] == "image_url":
                yield f"messages.{turn}.content.{number}.image_url.url", part["image_url"]["url"]


def _too_much(what: str) -> EngineError:
    return EngineError("bad_param", f"The conversation has {what}.", path="messages")
