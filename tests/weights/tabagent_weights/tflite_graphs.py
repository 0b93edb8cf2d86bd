"""Graphs of a few operators for those of MediaPipe's tasks of which npm carries no model.

The format: ``schema.fbs`` of TensorFlow Lite, as the mediapipe wheel has it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabagent_weights import made

RATE, SAMPLES, WORDS = 16_000, 1600, 8
_FLOAT, _INT = 0, 2


def colour_classifier() -> Path:
    """How red, green and blue a picture is."""
    return _made("classifier", _colour_classifier)


def fixed_detector() -> Path:
    """Sees a cat in the upper left quarter, 0.9 sure, and a dog below on the right, 0.4, in every picture."""
    return _made("efficientdet", _fixed_detector)


def loudness_classifier() -> Path:
    """Tells noise from silence."""
    return _made("yamnet", _loudness_classifier)


def mood_classifier() -> Path:
    """Knows the words ``good`` and ``bad``."""
    return _made("bert", _mood_classifier)


def _made(name: str, make: Any) -> Path:
    file = f"{name}.tflite"
    return made(f"tflite-{name}", 1, lambda folder: (folder / file).write_bytes(make())) / file


class _Graph:
    """A model that is being put together; tensors are numbers."""

    def __init__(self) -> None:
        from mediapipe.tasks.metadata import schema_py_generated  # noqa: PLC0415  # only who makes it needs mediapipe

        self._schema: Any = schema_py_generated
        self._tensors: list[Any] = []
        self._buffers: list[Any] = [self._schema.BufferT()]
        self._codes: list[Any] = []
        self._operators: list[Any] = []

    def tensor(self, name: str, shape: Sequence[int], kind: int = _FLOAT, values: Sequence[float] | None = None) -> int:
        """A tensor, constant where it has values."""
        buffer = 0
        if values is not None:
            data = struct.pack(f"<{len(values)}{'f' if kind == _FLOAT else 'i'}", *values)
            self._buffers.append(self._schema.BufferT(data=list(data)))
            buffer = len(self._buffers) - 1
        self._tensors.append(self._schema.TensorT(name=name, shape=list(shape), type=kind, buffer=buffer))
        return len(self._tensors) - 1

    def add(self, operator: str, inputs: Sequence[int], output: int, **options: Any) -> int:
        """An operator with its options; gives its output."""
        code = getattr(self._schema.BuiltinOperator, operator)
        self._codes.append(
            self._schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=min(code, 127), version=1)
        )
        kind = "".join(word.capitalize() for word in operator.split("_")) + "Options"
        kind = {"MeanOptions": "ReducerOptions"}.get(kind, kind)
        table = getattr(self._schema, f"{kind}T")(**options)
        self._operators.append(
            self._schema.OperatorT(
                opcodeIndex=len(self._codes) - 1,
                inputs=list(inputs),
                outputs=[output],
                builtinOptionsType=getattr(self._schema.BuiltinOptions, kind),
                builtinOptions=table,
            )
        )
        return output

    def mean(self, source: int, axes: Sequence[int], shape: Sequence[int]) -> int:
        """The mean over axes."""
        over = self.tensor("axes", [len(axes)], _INT, axes)
        return self.add("MEAN", [source, over], self.tensor("mean", shape), keepDims=False)

    def softmax(self, source: int, shape: Sequence[int]) -> int:
        """Scores that add up to 1."""
        return self.add("SOFTMAX", [source], self.tensor("scores", shape), beta=1.0)

    def finish(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """The file."""
        import flatbuffers  # noqa: PLC0415

        subgraph = self._schema.SubGraphT(
            tensors=self._tensors, inputs=list(inputs), outputs=list(outputs), operators=self._operators
        )
        model = self._schema.ModelT(
            version=3, operatorCodes=self._codes, subgraphs=[subgraph], buffers=self._buffers, metadata=[]
        )
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def _classifier(graph: bytes, input_: Any, files: dict[str, str]) -> bytes:
    from tabagent_weights import tflite_metadata as metadata  # noqa: PLC0415

    return metadata.describe(graph, [input_], [metadata.output("scores", "labels.txt")], files)


def _colour_classifier() -> bytes:
    graph = _Graph()
    image = graph.tensor("image", [1, 8, 8, 3])
    means = graph.mean(image, [1, 2], [1, 3])
    scores = graph.softmax(means, [1, 3])
    from tabagent_weights.tflite_metadata import image_input  # noqa: PLC0415

    return _classifier(graph.finish([image], [scores]), image_input(0, 255), {"labels.txt": "red\ngreen\nblue\n"})


def _fixed_detector() -> bytes:
    graph = _Graph()
    image = graph.tensor("image", [1, 8, 8, 3])
    nothing = graph.add(
        "MUL",
        [graph.mean(image, [1, 2, 3], [1]), graph.tensor("zero", [1], _FLOAT, [0.0])],
        graph.tensor("nothing", [1]),
    )

    def fixed(name: str, shape: Sequence[int], values: Sequence[float]) -> int:
        return graph.add(
            "ADD", [graph.tensor(f"{name} fixed", shape, _FLOAT, values), nothing], graph.tensor(name, shape)
        )

    outputs = [
        fixed("location", [1, 2, 4], [0.0, 0.0, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0]),
        fixed("category", [1, 2], [0.0, 1.0]),
        fixed("score", [1, 2], [0.9, 0.4]),
        fixed("number of detections", [1], [2.0]),
    ]
    from tabagent_weights import tflite_metadata as metadata  # noqa: PLC0415

    described = [
        metadata.boxes_output("location"),
        metadata.classes_output("category", "labels.txt"),
        metadata.output("score"),
        metadata.output("number of detections"),
    ]
    content = graph.finish([image], outputs)
    return metadata.describe(content, [metadata.image_input(0, 255)], described, {"labels.txt": "cat\ndog\n"})


def _loudness_classifier() -> bytes:
    graph = _Graph()
    audio = graph.tensor("audio", [1, SAMPLES])
    loud = graph.add("ABS", [audio], graph.tensor("loud", [1, SAMPLES]))
    weights = graph.tensor("weights", [2, SAMPLES], _FLOAT, [-40 / SAMPLES] * SAMPLES + [40 / SAMPLES] * SAMPLES)
    bias = graph.tensor("bias", [2], _FLOAT, [4.0, -4.0])
    sums = graph.add("FULLY_CONNECTED", [loud, weights, bias], graph.tensor("sums", [1, 2]))
    scores = graph.softmax(sums, [1, 2])
    from tabagent_weights.tflite_metadata import audio_input  # noqa: PLC0415

    return _classifier(graph.finish([audio], [scores]), audio_input(RATE), {"labels.txt": "silence\nnoise\n"})


def _mood_classifier() -> bytes:
    graph = _Graph()
    words = graph.tensor("words", [1, WORDS], _INT)
    table = graph.tensor("table", [5, 2], _FLOAT, [0, 0, 0, 0, 0, 0, -20, 20, 20, -20])
    vectors = graph.add("GATHER", [table, words], graph.tensor("vectors", [1, WORDS, 2]), axis=0)
    scores = graph.softmax(graph.mean(vectors, [1], [1, 2]), [1, 2])
    files = {
        "words.txt": "<PAD> 0\n<START> 1\n<UNKNOWN> 2\ngood 3\nbad 4\n",
        "labels.txt": "negative\npositive\n",
    }
    from tabagent_weights.tflite_metadata import text_input  # noqa: PLC0415

    return _classifier(graph.finish([words], [scores]), text_input("words.txt"), files)
