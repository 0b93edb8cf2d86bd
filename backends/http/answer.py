"""An answer of a server: what it says about tokens counts more than the pieces that came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from backends.contract import Completion, Sampling
from backends.http.fields import count
from backends.text.control import Control, Slots
from backends.text.stream import Generation, Pieces

_AT_ONCE = 1024
"""How many it answers at once is the server's business."""
_NO_LIMIT = 2**31


@dataclass(slots=True)
class Counts:
    """Tokens as the server counts them; None where it does not."""

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None

    def take(self, prompt: Any, completion: Any, cached: Any = None) -> None:
        """What a server sent, where it is a number."""
        self.prompt, self.completion = _known(prompt, self.prompt), _known(completion, self.completion)
        self.cached = _known(cached, self.cached)


class Answer(Generation):
    """A stream over what a server sends, each piece at once: nobody knows when the next comes.

    The server keeps ``max_tokens``; stop sequences are looked for here too.
    """

    def __init__(self, source: Callable[[Control, Counts], Pieces], sampling: Sampling) -> None:
        self._counts = Counts()
        control, slots = Control(0), Slots(_AT_ONCE)
        unlimited = replace(sampling, max_tokens=_NO_LIMIT)
        super().__init__(lambda it: source(it, self._counts), control, slots, unlimited, coalesce_ms=0)

    @property
    def completion(self) -> Completion:
        """The whole answer."""
        done, counts = super().completion, self._counts
        return replace(
            done,
            prompt_tokens=done.prompt_tokens if counts.prompt is None else counts.prompt,
            completion_tokens=done.completion_tokens if counts.completion is None else counts.completion,
            cached_tokens=min(counts.cached or 0, counts.prompt or 0),
        )


def _known(value: Any, otherwise: int | None) -> int | None:
    known = count(value)
    return otherwise if known is None else known
