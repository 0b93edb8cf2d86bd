"""Models for ``litert``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabagent_weights import litertlm, mediapipe
from tests.engines.sample import Sample


def zeros() -> Mapping[str, Any]:
    """A black picture."""
    return {"tensors": {"input": [[[[0.0] * 3] * 128] * 128]}}


SAMPLES = (
    Sample("chat", litertlm.tiny, ("generate", "chat", "tokenize")),
    Sample(
        "graph", lambda: mediapipe.bare("face_detection", "face_detection_short_range.tflite"), ("infer",), infer=zeros
    ),
)
