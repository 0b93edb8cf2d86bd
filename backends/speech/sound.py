"""The sound of a request at a model's own rate, and the windows in which a long one is heard."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from backends.media import sound
from backends.task_inputs import required

Samples = NDArray[np.float32]
SHORTEST_S = 0.5
"""Seconds; a model's first layers want more than a click. Shorter sounds are followed by silence."""


class Window(NamedTuple):
    """Samples of which those ``begin`` to ``end`` count; the others are there to be heard in context."""

    samples: Samples
    begin: int
    end: int


def heard(inputs: Mapping[str, Any], rate: int) -> Samples:
    """``inputs.audio`` at ``rate`` samples a second, one channel, -1 to 1.

    Raises:
        EngineError: ``bad_param``.
    """
    samples, own_rate = sound(required(inputs, "audio"))
    if own_rate != rate:
        common = math.gcd(own_rate, rate)
        samples = resample_poly(samples, rate // common, own_rate // common).astype(np.float32)
    return np.pad(samples, (0, max(0, int(SHORTEST_S * rate) - len(samples))))


def windows(samples: Samples, length: int, margin: int) -> Iterator[Window]:
    """Windows of at most ``length`` samples that overlap by twice ``margin`` and count without their margins."""
    step = length - 2 * margin
    for begin in range(0, max(1, len(samples) - 2 * margin), step):
        window = samples[begin : begin + length]
        is_last = begin + length >= len(samples)
        yield Window(window, margin if begin else 0, len(window) if is_last else length - margin)
        if is_last:
            return
