"""Scores of classes as the hub's Inference API has them: ``[{label, score}, …]``, the best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def best(scores: Sequence[float], labels: Mapping[int, str], parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The classes with their names; ``parameters`` may have ``top_k`` and ``threshold``."""
    ranked = sorted(enumerate(scores), key=lambda place: -place[1])
    named = [{"label": labels.get(index, f"LABEL_{index}"), "score": float(score)} for index, score in ranked]
    threshold = parameters.get("threshold", 0.0)
    return [label for label in named if label["score"] >= threshold][: parameters.get("top_k")]
