"""Tasks that take sounds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from mediapipe.tasks.python import audio
from mediapipe.tasks.python.components.containers.audio_data import AudioData

from backends import labels, media
from backends.mediapipe.runner import Field, name_of, open_task, running


class Classifier:
    """What a sound is: the mean over the windows that the model listens to."""

    takes: ClassVar[Field] = "audio"

    def __init__(self, path: Path) -> None:
        self._task = open_task(audio.AudioClassifier, audio.AudioClassifierOptions, path)

    def run(self, content: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """``[{label, score}, …]``."""
        samples, rate = media.sound(content)
        with running():
            windows = self._task.classify(AudioData.create_from_array(samples, sample_rate=rate))
        scores: dict[int, float] = {}
        names: dict[int, str] = {}
        for window in windows:
            for category in window.classifications[0].categories:
                names[category.index] = name_of(category)
                scores[category.index] = scores.get(category.index, 0.0) + category.score / len(windows)
        return labels.best([scores.get(index, 0.0) for index in range(max(scores, default=-1) + 1)], names, parameters)

    def close(self) -> None:
        """Free the model."""
        self._task.close()
