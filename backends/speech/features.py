"""What a model hears instead of samples, by its folder's configuration, in numpy alone.

Log-mel spectrograms are Whisper's (Radford et al. 2022, §2.2): power spectra of Hann windows, mel bands on Slaney's
scale with bands of equal area, log10, at most 8 below the loudest, shifted and scaled to about -1 to 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.json_files import read_json
from backends.speech.sound import Samples

_QUIETEST = 1e-10
_DYNAMIC_RANGE = 8.0
_LINEAR_HZ = 1000.0
"""Slaney's scale is linear below, logarithmic above."""
_MEL_HZ = 200.0 / 3
_LOG_STEP = np.log(6.4) / 27


def preparation(folders: Iterable[Path]) -> dict[str, Any]:
    """How a model's sounds are prepared, in either file that Transformers writes; empty where neither tells."""
    folders = list(folders)
    alone = read_json(folders, "preprocessor_config.json")
    return alone or dict(read_json(folders, "processor_config.json").get("feature_extractor") or {})


class LogMel:
    """Spectrograms of windows of one length, shape [1, bands, frames], float32."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.rate = int(config.get("sampling_rate", 16_000))
        self._hop = int(config.get("hop_length", 160))
        self._width = int(config.get("n_fft", 400))
        self.length = int(config.get("chunk_length", 30)) * self.rate
        self._filters = mel_filters(self._width // 2 + 1, int(config.get("feature_size", 80)), self.rate)
        self._window = np.hanning(self._width + 1)[:-1]

    def __call__(self, samples: Samples) -> NDArray[np.float32]:
        """The spectrogram of at most ``length`` samples, silence after them."""
        whole = np.pad(samples, (0, self.length - len(samples)))
        centred = np.pad(whole, self._width // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(centred, self._width)[:: self._hop][:-1]
        power = np.abs(np.fft.rfft(frames * self._window)) ** 2
        bands = np.log10(np.maximum(power @ self._filters, _QUIETEST)).T
        bands = (np.maximum(bands, bands.max() - _DYNAMIC_RANGE) + 4) / 4
        spectrogram: NDArray[np.float32] = bands[np.newaxis].astype(np.float32)
        return spectrogram


def normalised(samples: Samples) -> Samples:
    """Mean 0 and variance 1, as models on raw waves were trained."""
    level: Samples = ((samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)).astype(np.float32)
    return level


def mel_filters(bins: int, bands: int, rate: int) -> NDArray[np.float64]:
    """Triangles of equal area on Slaney's mel scale up to 8 kHz, shape [bins, bands]."""
    edges = _hertz(np.linspace(0, _mel(min(rate / 2, 8000.0)), bands + 2))
    centres = np.linspace(0, rate / 2, bins)[:, np.newaxis]
    rising = (centres - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - centres) / (edges[2:] - edges[1:-1])
    triangles: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling))
    return triangles * (2 / (edges[2:] - edges[:-2]))


def _mel(hertz: float) -> float:
    straight = hertz / _MEL_HZ
    return float(_LINEAR_HZ / _MEL_HZ + np.log(hertz / _LINEAR_HZ) / _LOG_STEP if hertz >= _LINEAR_HZ else straight)


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    bend = _LINEAR_HZ / _MEL_HZ
    return np.where(mels >= bend, _LINEAR_HZ * np.exp(_LOG_STEP * (mels - bend)), mels * _MEL_HZ)
