"""Writes the metadata into .tflite files that MediaPipe's tasks want: what goes in and out, and labels.

The format: ``metadata_schema.fbs`` of the mediapipe wheel. Metadata is a buffer of the model, files a zip behind it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata
from mediapipe.tasks.metadata import schema_py_generated as schema

_NAME = "TFLITE_METADATA"


def image_input(mean: float, std: float) -> Any:
    """Pictures in RGB; the graph sees (value - mean) / std."""
    normalization = metadata.NormalizationOptionsT(mean=[mean] * 3, std=[std] * 3)
    unit = metadata.ProcessUnitT(optionsType=metadata.ProcessUnitOptions.NormalizationOptions, options=normalization)
    rgb = metadata.ImagePropertiesT(colorSpace=metadata.ColorSpaceType.RGB)
    content = metadata.ContentT(contentPropertiesType=metadata.ContentProperties.ImageProperties, contentProperties=rgb)
    stats = metadata.StatsT(max=[(255 - mean) / std], min=[-mean / std])
    return metadata.TensorMetadataT(name="image", content=content, processUnits=[unit], stats=stats)


def audio_input(sample_rate: int) -> Any:
    """Sounds of one channel."""
    properties = metadata.AudioPropertiesT(sampleRate=sample_rate, channels=1)
    content = metadata.ContentT(
        contentPropertiesType=metadata.ContentProperties.AudioProperties, contentProperties=properties
    )
    return metadata.TensorMetadataT(name="audio", content=content)


def text_input(vocabulary: str) -> Any:
    """Words as numbers of the file ``vocabulary``."""
    options = metadata.RegexTokenizerOptionsT(
        delimRegexPattern=r"[^\w\']+", vocabFile=[_file(vocabulary, metadata.AssociatedFileType.VOCABULARY)]
    )
    unit = metadata.ProcessUnitT(optionsType=metadata.ProcessUnitOptions.RegexTokenizerOptions, options=options)
    return metadata.TensorMetadataT(name="text", processUnits=[unit])


def output(name: str, labels: str | None = None) -> Any:
    """A tensor; ``labels``: the file that names its columns."""
    files = [_file(labels, metadata.AssociatedFileType.TENSOR_AXIS_LABELS)] if labels else None
    return metadata.TensorMetadataT(name=name, associatedFiles=files)


def boxes_output(name: str) -> Any:
    """Boxes: top, left, bottom, right, as parts of the picture."""
    boxes = metadata.BoundingBoxPropertiesT(
        index=[1, 0, 3, 2],
        type=metadata.BoundingBoxType.BOUNDARIES,
        coordinateType=metadata.CoordinateType.RATIO,
    )
    content = metadata.ContentT(
        contentPropertiesType=metadata.ContentProperties.BoundingBoxProperties, contentProperties=boxes
    )
    return metadata.TensorMetadataT(name=name, content=content)


def classes_output(name: str, labels: str) -> Any:
    """Numbers of lines in the file of labels."""
    files = [_file(labels, metadata.AssociatedFileType.TENSOR_VALUE_LABELS)]
    return metadata.TensorMetadataT(name=name, associatedFiles=files)


def describe(
    graph: bytes, inputs: Sequence[Any], outputs: Sequence[Any], files: Mapping[str, str] | None = None
) -> bytes:
    """The model with that metadata."""
    subgraph = metadata.SubGraphMetadataT(inputTensorMetadata=list(inputs), outputTensorMetadata=list(outputs))
    described = metadata.ModelMetadataT(name="test", subgraphMetadata=[subgraph], minParserVersion="1.0.0")
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(graph, 0))
    model.buffers.append(schema.BufferT(data=list(_pack(described, b"M001"))))
    model.metadata = [schema.MetadataT(name=_NAME, buffer=len(model.buffers) - 1)]
    content = io.BytesIO(_pack(model, b"TFL3"))
    if files:
        with zipfile.ZipFile(content, "a") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
    return content.getvalue()


def output_names(graph: bytes) -> list[str]:
    """Names of the tensors that come out."""
    subgraph = schema.Model.GetRootAs(graph, 0).Subgraphs(0)
    return [subgraph.Tensors(number).Name().decode() for number in subgraph.OutputsAsNumpy()]


def _file(name: str, kind: int) -> Any:
    return metadata.AssociatedFileT(name=name, type=kind)


def _pack(table: Any, identifier: bytes) -> bytes:
    builder = flatbuffers.Builder()
    builder.Finish(table.Pack(builder), file_identifier=identifier)
    return bytes(builder.Output())
