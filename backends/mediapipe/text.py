"""Tasks that take text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from mediapipe.tasks.python import text

from backends.mediapipe.runner import Field, open_task, ranked, running


class Classifier:
    """What a text is."""

    takes: ClassVar[Field] = "text"

    def __init__(self, path: Path) -> None:
        self._task = open_task(text.TextClassifier, text.TextClassifierOptions, path)

    def run(self, content: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """``[{label, score}, …]``."""
        with running():
            result = self._task.classify(content.replace("\0", " "))
        return ranked(result.classifications[0].categories, parameters)

    def close(self) -> None:
        """Free the model."""
        self._task.close()
