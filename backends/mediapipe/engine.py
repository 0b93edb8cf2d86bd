"""The engine behind ``mediapipe``: finds out which task a file is for, and runs that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backends.contract import LoadProgress, LoadRequest, ModelInfo
from backends.load_progress import ResidentProgress
from backends.mediapipe import audio, text, vision
from backends.mediapipe.kinds import Kind, of_file
from backends.mediapipe.runner import Runner
from backends.task_inputs import required

_RUNNERS: dict[Kind, type[Runner]] = {
    Kind.AUDIO_CLASSIFIER: audio.Classifier,
    Kind.FACE_DETECTOR: vision.FaceDetector,
    Kind.HAND_LANDMARKER: vision.HandLandmarker,
    Kind.IMAGE_CLASSIFIER: vision.Classifier,
    Kind.IMAGE_SEGMENTER: vision.Segmenter,
    Kind.OBJECT_DETECTOR: vision.ObjectDetector,
    Kind.POSE_LANDMARKER: vision.PoseLandmarker,
    Kind.TEXT_CLASSIFIER: text.Classifier,
}


class MediapipeEngine:
    """One model."""

    def __init__(self) -> None:
        self._runner: Runner | None = None

    def load(self, request: LoadRequest, progress: LoadProgress) -> ModelInfo:
        """Load a bundle, or a graph that carries MediaPipe's metadata."""
        kind = of_file(request.path, request.format, request.task)
        size = request.path.stat().st_size
        with ResidentProgress(size, progress):
            self._runner = _RUNNERS[kind](request.path)
        return ModelInfo(
            architecture=kind.value,
            context_length=0,
            context_train_length=0,
            vocab_size=0,
            embedding_length=0,
            size_bytes=size,
            chat_template=False,
            actions=("infer",),
            details={"input": self._runner.takes},
        )

    def infer(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run the task; MediaPipe itself lets calls take turns."""
        assert self._runner is not None, "the broker loads before it asks"
        return self._runner.run(required(inputs, self._runner.takes), parameters)

    def close(self) -> None:
        """Free what is loaded."""
        if self._runner is not None:
            self._runner.close()
