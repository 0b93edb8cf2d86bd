"""Names and times as Ollama has them."""

from __future__ import annotations

from datetime import UTC, datetime

_TAG = ":latest"


def name_of(model: str) -> str:
    """Our name of a model. Ollama's clients add ``:latest`` where no tag is given; only Ollama's own have tags."""
    return model if model.startswith("ollama/") else model.removesuffix(_TAG)


def now() -> str:
    """This moment."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def nanoseconds(milliseconds: float) -> int:
    """A duration."""
    return round(milliseconds * 1_000_000)
