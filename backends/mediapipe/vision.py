"""Tasks that take pictures. Places are pixels of the picture, from its upper left corner."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from mediapipe.tasks.python import vision
from mediapipe.tasks.python.vision.core.image import Image, ImageFormat
from mediapipe.tasks.python.vision.hand_landmarker import HandLandmark
from mediapipe.tasks.python.vision.pose_landmarker import PoseLandmark
from numpy.typing import NDArray

from backends import media
from backends.mediapipe.runner import Field, name_of, open_task, ranked, running

Found = list[dict[str, Any]]
_SURE_ENOUGH = 0.5
_MOST = 16
"""Bodies or hands in a picture."""
_LARGEST_MASK = 1024
"""Pixels of a side. There is a mask of numbers for each class, and models look at fewer pixels than that."""
_FACE_POINTS = ("right_eye", "left_eye", "nose_tip", "mouth_center", "right_ear_tragion", "left_ear_tragion")
_POSE_POINTS = tuple(point.name.lower() for point in PoseLandmark)
_HAND_POINTS = tuple(point.name.lower() for point in HandLandmark)


class _Picture(ABC):
    """A task of one picture, for one threshold; another threshold opens the model anew for one call."""

    takes: ClassVar[Field] = "image"
    _task_class: ClassVar[Any]
    _options_class: ClassVar[Any]
    _thresholds: ClassVar[tuple[str, ...]] = ()
    _settings: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, path: Path) -> None:
        self._path = path
        self._task = self._open(_SURE_ENOUGH)

    def run(self, content: str, parameters: Mapping[str, Any]) -> Found:
        """What is in the picture."""
        pixels = media.picture(content)
        threshold = parameters.get("threshold", _SURE_ENOUGH)
        if not self._thresholds or threshold == _SURE_ENOUGH:
            with running():
                return self._look(self._task, pixels, parameters)
        task = self._open(threshold)
        try:
            with running():
                return self._look(task, pixels, parameters)
        finally:
            task.close()

    def close(self) -> None:
        """Free the model."""
        self._task.close()

    def _open(self, threshold: float) -> Any:
        thresholds = dict.fromkeys(self._thresholds, threshold)
        return open_task(self._task_class, self._options_class, self._path, **thresholds, **self._settings)

    @abstractmethod
    def _look(self, task: Any, pixels: NDArray[Any], parameters: Mapping[str, Any]) -> Found: ...


class Classifier(_Picture):
    """``[{label, score}, …]``."""

    _task_class = vision.ImageClassifier
    _options_class = vision.ImageClassifierOptions

    def _look(self, task: Any, pixels: NDArray[Any], parameters: Mapping[str, Any]) -> Found:
        return ranked(task.classify(_image(pixels)).classifications[0].categories, parameters)


class ObjectDetector(_Picture):
    """``[{label, score, box}, …]``."""

    _task_class = vision.ObjectDetector
    _options_class = vision.ObjectDetectorOptions
    _thresholds = ("score_threshold",)

    def _look(self, task: Any, pixels: NDArray[Any], parameters: Mapping[str, Any]) -> Found:
        found = [
            {"label": name_of(it.categories[0]), "score": it.categories[0].score, "box": _box(it, pixels)}
            for it in task.detect(_image(pixels)).detections
        ]
        return _best(found, parameters)


class FaceDetector(_Picture):
    """``[{label, score, box, keypoints}, …]``."""

    _task_class = vision.FaceDetector
    _options_class = vision.FaceDetectorOptions
    _thresholds = ("min_detection_confidence",)

    def _look(self, task: Any, pixels: NDArray[Any], parameters: Mapping[str, Any]) -> Found:
        found = [
            {
                "label": "face",
                "score": it.categories[0].score,
                "box": _box(it, pixels),
                "keypoints": _keypoints(it.keypoints or [], _FACE_POINTS, pixels),
            }
            for it in task.detect(_image(pixels)).detections
        ]
        return _best(found, parameters)


class PoseLandmarker(_Picture):
    """``[{label, score, keypoints}, …]``: a point's score is how likely it is to be seen, a body's its best point's."""

    _task_class = vision.PoseLandmarker
    _options_class = vision.PoseLandmarkerOptions
    _thresholds = ("min_pose_detection_confidence",)
    _settings: ClassVar[Mapping[str, Any]] = {"num_poses": _MOST}

    def _look(self, task: Any, pixels: NDArray[Any], parameters: Mapping[str, Any]) -> Found:
        found: Found = []
        for points in task.detect(_image(pixels)).pose_landmarks:
            keypoints = _keypoints(points, _POSE_POINTS, pixels)
            for keypoint, point in zip(keypoints, points, strict=True):
                keypoint["score"] = point.visibility
            found.append({"label": "person", "score": max(it["score"] for it in keypoints), "keypoints": keypoints})
        return _best(found, parameters)


class HandLandmarker(_Picture):
    """``[{label, score, keypoints}, …]``; the label is ``Left`` or ``Right``."""

    _task_class = vision.HandLandmarker
    _options_class = vision.HandLandmarkerOptions
    _thresholds = ("min_hand_detection_confidence",)
    _settings: ClassVar[Mapping[str, Any]] = {"num_hands": _MOST}

    def _look(self, task: Any, pixels: NDArray[Any], parameters: Mapping[str, Any]) -> Found:
        result = task.detect(_image(pixels))
        found = [
            {
                "label": name_of(sides[0]),
                "score": sides[0].score,
                "keypoints": _keypoints(points, _HAND_POINTS, pixels),
            }
            for points, sides in zip(result.hand_landmarks, result.handedness, strict=True)
        ]
        return _best(found, parameters)


class Segmenter(_Picture):
    """``[{label, score, mask}, …]``: where a class is the likeliest, and how sure the model is there on average."""

    _task_class = vision.ImageSegmenter
    _options_class = vision.ImageSegmenterOptions
    _settings: ClassVar[Mapping[str, Any]] = {"output_confidence_masks": True}

    def _look(self, task: Any, pixels: NDArray[Any], parameters: Mapping[str, Any]) -> Found:
        height, width = pixels.shape[:2]
        seen = media.shrunk(pixels, _LARGEST_MASK)
        masks = task.segment(_image(seen)).confidence_masks
        sure = [np.array(mask.numpy_view()).reshape(seen.shape[:2]) for mask in masks]
        names = dict(enumerate(task.labels))
        if len(sure) == 1:
            places = [sure[0] >= _SURE_ENOUGH]
            names.setdefault(0, "foreground")
        else:
            likeliest = np.argmax(sure, axis=0)
            places = [likeliest == number for number in range(len(sure))]
        found = [
            {
                "label": names.get(number) or f"LABEL_{number}",
                "score": float(sure[number][place].mean()),
                "mask": media.mask(place, height, width),
            }
            for number, place in enumerate(places)
            if place.any()
        ]
        threshold = parameters.get("threshold", 0.0)
        return _best([it for it in found if it["score"] >= threshold], parameters)


def _best(found: Found, parameters: Mapping[str, Any]) -> Found:
    return sorted(found, key=lambda it: -it["score"])[: parameters.get("top_k")]


def _image(pixels: NDArray[Any]) -> Image:
    return Image(ImageFormat.SRGB, pixels)


def _box(detection: Any, pixels: NDArray[Any]) -> dict[str, int]:
    height, width = pixels.shape[:2]
    box = detection.bounding_box
    return {
        "xmin": max(0, box.origin_x),
        "ymin": max(0, box.origin_y),
        "xmax": min(width, box.origin_x + box.width),
        "ymax": min(height, box.origin_y + box.height),
    }


def _keypoints(points: Sequence[Any], names: Sequence[str], pixels: NDArray[Any]) -> Found:
    """Points that MediaPipe gives as parts of the picture."""
    height, width = pixels.shape[:2]
    return [
        {"label": name, "x": point.x * width, "y": point.y * height} for point, name in zip(points, names, strict=False)
    ]
