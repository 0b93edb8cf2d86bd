"""Image classifiers of Transformers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification

from backends.contract import LoadRequest, ModelInfo
from backends.labels import best
from backends.media import picture
from backends.task_inputs import required
from backends.transformers.weights import describe, from_pretrained, processor


class ImageClassification:
    """One classifier of pictures."""

    def __init__(self, folder: Path, request: LoadRequest) -> None:
        self._model = from_pretrained(AutoModelForImageClassification, folder, request)
        self._processor = processor(AutoImageProcessor, folder)

    def info(self) -> ModelInfo:
        """What is loaded."""
        return describe(self._model, context_length=0, actions=("infer",), details={"input": "image"})

    def infer(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        """Labels, the best first."""
        # An array of three rows would pass for one of three channels.
        image = Image.fromarray(picture(required(inputs, "image")))
        batch = self._processor(image, return_tensors="pt").to(self._model.device, self._model.dtype)
        with torch.inference_mode():
            scores = self._model(**batch).logits[0].float().softmax(dim=-1)
        return best(scores.tolist(), self._model.config.id2label, parameters)

    def close(self) -> None:
        """Nothing is held outside this process."""
