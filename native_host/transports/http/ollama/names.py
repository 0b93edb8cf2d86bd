"""Names and times as Ollama has them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from native_host.protocol.messages.requests import LONGEST_KEEP_ALIVE_S
from native_host.transports.http.sampling import seconds

_TAG = ":latest"


def name_of(model: str) -> str:
    """Our name of a model. Ollama's clients add ``:latest`` where no tag is given; only Ollama's own have tags."""
    return model if model.startswith("ollama/") else model.removesuffix(_TAG)


def kept_s(keep_alive: float | str | None) -> float | None:
    """How long a model is kept, in seconds, as long as the protocol has it at most."""
    given = seconds(keep_alive)
    return given if given is None else min(given, LONGEST_KEEP_ALIVE_S)


def now() -> str:
    """This moment."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def moment(seconds_since_1970: float | None) -> str:
    """Return a time as Ollama writes it; one that is not known is Go's zero."""
    if seconds_since_1970 is not None:
        with suppress(OverflowError, ValueError, OSError):
            return datetime.fromtimestamp(seconds_since_1970, UTC).isoformat().replace("+00:00", "Z")
    return "0001-01-01T00:00:00Z"


def nanoseconds(milliseconds: float) -> int:
    """A duration."""
    return round(milliseconds * 1_000_000)
