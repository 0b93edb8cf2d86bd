"""Models for ``mediapipe``."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from tabagent_weights import mediapipe, tflite_graphs
from tests.engines.sample import Sample
from tests.sounds import wav


def photograph() -> Mapping[str, Any]:
    """A person, from the front."""
    return {"image": base64.b64encode(mediapipe.photograph().read_bytes()).decode()}


def noise() -> Mapping[str, Any]:
    """Half a second of it."""
    return {"audio": base64.b64encode(wav([(-1) ** n * 0.5 for n in range(8000)])).decode()}


def mood() -> Mapping[str, Any]:
    """A fine day."""
    return {"text": "what a good day"}


SAMPLES = (
    Sample("faces", mediapipe.face_detector, ("infer",), infer=photograph),
    Sample("selfies", mediapipe.selfie_segmenter, ("infer",), infer=photograph),
    Sample("poses", mediapipe.pose_landmarker, ("infer",), infer=photograph),
    Sample("hands", mediapipe.hand_landmarker, ("infer",), infer=photograph),
    Sample("colours", tflite_graphs.colour_classifier, ("infer",), infer=photograph),
    Sample("objects", tflite_graphs.fixed_detector, ("infer",), infer=photograph),
    Sample("sounds", tflite_graphs.loudness_classifier, ("infer",), infer=noise),
    Sample("texts", tflite_graphs.mood_classifier, ("infer",), infer=mood),
)
