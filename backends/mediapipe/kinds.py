"""Which of MediaPipe's tasks a file is for. Nothing in it is trusted: it is a stranger's.

A ``.task`` is a zip whose members' names tell; a ``.tflite`` tells by its metadata (``metadata_schema.fbs`` of the
mediapipe wheel) and by the shapes that come out of it.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata
from mediapipe.tasks.metadata import schema_py_generated as schema

from backends.contract import EngineError

_MOST = 64
"""More tensors, or entries of metadata, than a model of a task has."""
_NAME = b"TFLITE_METADATA"
_FACE_NUMBERS = 16
"""A face is a box and six points."""


class Kind(Enum):
    """A task, as MediaPipe calls it."""

    AUDIO_CLASSIFIER = "audio_classifier"
    FACE_DETECTOR = "face_detector"
    HAND_LANDMARKER = "hand_landmarker"
    IMAGE_CLASSIFIER = "image_classifier"
    IMAGE_SEGMENTER = "image_segmenter"
    OBJECT_DETECTOR = "object_detector"
    POSE_LANDMARKER = "pose_landmarker"
    TEXT_CLASSIFIER = "text_classifier"


_BUNDLES = {
    frozenset({"pose_detector.tflite", "pose_landmarks_detector.tflite"}): Kind.POSE_LANDMARKER,
    frozenset({"hand_detector.tflite", "hand_landmarks_detector.tflite"}): Kind.HAND_LANDMARKER,
}
_OTHERS = {
    "TF_LITE_PREFILL_DECODE": "It is a language model, which the engine litert runs.",
    "face_landmarks_detector.tflite": "MediaPipe gives wrong positions for some face landmark models without an error.",
}


def of_file(path: Path, format_: str, task: str | None) -> Kind:
    """The task that the file is for.

    Raises:
        EngineError: ``unsupported_format``, ``unsupported_task``, ``load_failed``, ``model_corrupt``.
    """
    try:
        return _of_bundle(path) if format_ == "task" else _of_graph(path.read_bytes(), task)
    except EngineError as error:
        raise EngineError(error.code, f"{path.name}: {error.message}", path=str(path)) from None
    except (zipfile.BadZipFile, struct.error, ValueError, TypeError, IndexError, AttributeError, OSError) as error:
        message = f"{path.name} is damaged; download it again. ({str(error) or type(error).__name__})"
        raise EngineError("model_corrupt", message, path=str(path)) from error


def _of_bundle(path: Path) -> Kind:
    with zipfile.ZipFile(path) as archive:
        names = frozenset(archive.namelist())
    for needed, kind in _BUNDLES.items():
        if needed <= names:
            return kind
    reason = next((reason for name, reason in _OTHERS.items() if name in names), "")
    held = ", ".join(sorted(names)[:8])
    raise EngineError("unsupported_format", f"this engine knows no bundle of {held}. {reason}".rstrip())


def _of_graph(content: bytes, task: str | None) -> Kind:
    model = schema.Model.GetRootAs(content, 0)
    about = _metadata(model)
    if about is None:
        raise EngineError(
            "load_failed",
            "it carries no metadata (TFLITE_METADATA), so nobody knows how its inputs are prepared. "
            "The engine litert runs it with tensors.",
        )
    takes = set(_inputs(about))
    if "audio" in takes:
        return Kind.AUDIO_CLASSIFIER
    if "text" in takes:
        return Kind.TEXT_CLASSIFIER
    if "image" in takes:
        return _of_image_graph(list(_output_shapes(model)), task)
    raise EngineError("unsupported_format", "its metadata does not say whether it takes a picture, a sound or text.")


def _of_image_graph(shapes: list[list[int]], task: str | None) -> Kind:
    if task == "image-feature-extraction":
        raise EngineError("unsupported_task", "it makes vectors of pictures, which this engine does not do.")
    if len(shapes) == 2 and any(shape[-1:] == [_FACE_NUMBERS] for shape in shapes):
        return Kind.FACE_DETECTOR
    if len(shapes) == 4 or task == "object-detection":
        return Kind.OBJECT_DETECTOR
    if any(len(shape) == 4 and shape[1] > 1 for shape in shapes):
        return Kind.IMAGE_SEGMENTER
    if len(shapes) == 1:
        return Kind.IMAGE_CLASSIFIER
    raise EngineError("unsupported_format", f"this engine knows no model whose outputs have the shapes {shapes}.")


def _metadata(model: Any) -> Any:
    for number in range(min(model.MetadataLength(), _MOST)):
        entry = model.Metadata(number)
        if entry.Name() == _NAME:
            data = model.Buffers(entry.Buffer()).DataAsNumpy()
            return metadata.ModelMetadata.GetRootAs(data.tobytes(), 0)
    return None


def _inputs(about: Any) -> Iterator[str]:
    """What goes in: ``audio``, ``image``, ``text``."""
    if not about.SubgraphMetadataLength():
        return
    subgraph = about.SubgraphMetadata(0)
    for number in range(min(subgraph.InputProcessUnitsLength(), _MOST)):
        yield from _of_unit(subgraph.InputProcessUnits(number))
    for number in range(min(subgraph.InputTensorMetadataLength(), _MOST)):
        tensor = subgraph.InputTensorMetadata(number)
        content = tensor.Content()
        kinds = metadata.ContentProperties
        names = {kinds.AudioProperties: "audio", kinds.ImageProperties: "image"}
        if content is not None and content.ContentPropertiesType() in names:
            yield names[content.ContentPropertiesType()]
        for unit in range(min(tensor.ProcessUnitsLength(), _MOST)):
            yield from _of_unit(tensor.ProcessUnits(unit))


def _of_unit(unit: Any) -> Iterator[str]:
    kinds = metadata.ProcessUnitOptions
    tokenizers = (kinds.BertTokenizerOptions, kinds.RegexTokenizerOptions, kinds.SentencePieceTokenizerOptions)
    if unit.OptionsType() in tokenizers:
        yield "text"
    if unit.OptionsType() == kinds.NormalizationOptions:
        yield "image"


def _output_shapes(model: Any) -> Iterator[list[int]]:
    subgraph = model.Subgraphs(0)
    for number in range(min(subgraph.OutputsLength(), _MOST)):
        tensor = subgraph.Tensors(subgraph.Outputs(number))
        yield [tensor.Shape(axis) for axis in range(min(tensor.ShapeLength(), _MOST))]
