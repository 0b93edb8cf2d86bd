"""Graphs whose task nobody knows: tensors in, tensors out, through ai-edge-litert's interpreter."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from backends.contract import EngineError, LoadRequest, ModelInfo

Tensor = Mapping[str, Any]
"""What the interpreter tells of a tensor: ``name``, ``index``, ``shape``, ``shape_signature`` (-1: any), ``dtype``."""


class Graph:
    """One graph. The interpreter holds the tensors, so calls take turns."""

    def __init__(self, request: LoadRequest) -> None:
        self._size = request.path.stat().st_size
        try:
            self._interpreter = Interpreter(str(request.path), num_threads=request.threads or os.cpu_count() or 1)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            message = f"LiteRT does not load {request.path}: {_first_line(error)}"
            raise EngineError("load_failed", message, path=str(request.path)) from error
        self._lock = threading.Lock()
        self._inputs = _named(self._interpreter.get_input_details())
        self._outputs = _named(self._interpreter.get_output_details())
        self._rename_by_signature()

    def info(self) -> ModelInfo:
        """What is loaded; ``details`` tell each tensor's type and shape."""
        described = {f"input {name}": _described(tensor) for name, tensor in self._inputs.items()}
        described |= {f"output {name}": _described(tensor) for name, tensor in self._outputs.items()}
        return ModelInfo(
            architecture="tflite",
            context_length=0,
            context_train_length=0,
            vocab_size=0,
            embedding_length=0,
            size_bytes=self._size,
            chat_template=False,
            actions=("infer",),
            details=described,
        )

    def infer(self, inputs: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """``{"tensors": {name: nested lists}}`` in and out."""
        given = inputs.get("tensors")
        if given is None:
            raise EngineError("bad_param", f"This model takes tensors: {_list(self._inputs)}.", path="inputs.tensors")
        if unknown := sorted(set(given) - set(self._inputs)):
            message = f"There is no input {unknown[0]!r}; the inputs are {_list(self._inputs)}."
            raise EngineError("bad_param", message, path=f"inputs.tensors.{unknown[0]}")
        arrays = {name: _array(name, tensor, given.get(name)) for name, tensor in self._inputs.items()}
        with self._lock:
            return {"tensors": self._run(arrays)}

    def close(self) -> None:
        """Nothing to do: the interpreter goes with the process."""

    def _run(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        try:
            for name, array in arrays.items():
                index = self._inputs[name]["index"]
                if tuple(self._interpreter.get_tensor(index).shape) != array.shape:
                    self._interpreter.resize_tensor_input(index, array.shape)
            self._interpreter.allocate_tensors()
            for name, array in arrays.items():
                self._interpreter.set_tensor(self._inputs[name]["index"], array)
            self._interpreter.invoke()
            return {name: self._output(tensor) for name, tensor in self._outputs.items()}
        except (ValueError, RuntimeError) as error:
            raise EngineError("generation_failed", f"LiteRT did not run the graph: {_first_line(error)}") from error

    def _output(self, tensor: Tensor) -> Any:
        array = self._interpreter.get_tensor(tensor["index"])
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise EngineError("generation_failed", f"The output {tensor['name']!r} has numbers that are not finite.")
        values = array.tolist()
        return _decoded(values) if array.dtype.kind in "SO" else values

    def _rename_by_signature(self) -> None:
        """The names that the model's author chose, where there is one signature and it names every tensor."""
        signatures = self._interpreter.get_signature_list()
        if len(signatures) != 1:
            return
        runner = self._interpreter.get_signature_runner(next(iter(signatures)))
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
        if (len(inputs), len(outputs)) == (len(self._inputs), len(self._outputs)):
            self._inputs, self._outputs = inputs, outputs


def _named(details: list[dict[str, Any]]) -> dict[str, Tensor]:
    """By name; where two share one, the later has its number behind it."""
    named: dict[str, Tensor] = {}
    for number, tensor in enumerate(details):
        name = tensor["name"] or f"tensor_{number}"
        named[f"{name}_{number}" if name in named else name] = tensor
    return named


def _array(name: str, tensor: Tensor, values: Any) -> NDArray[Any]:
    def refused(what: str) -> EngineError:
        message = f"The input {name!r} takes {_described(tensor)}{what}."
        return EngineError("bad_param", message, path=f"inputs.tensors.{name}", expected=_described(tensor))

    dtype, shape = np.dtype(tensor["dtype"]), _shape(tensor)
    if values is None:
        raise refused(" and is missing")
    try:
        array = np.array(values)
    except ValueError as error:
        raise refused("; the lists given are ragged") from error
    if not _fits(array, dtype):
        raise refused(f"; what was given is {array.dtype.name}, or too large for it")
    is_shape = array.ndim == len(shape) and all(
        have == want or (want < 0 and have > 0) for have, want in zip(array.shape, shape, strict=True)
    )
    if not is_shape:
        raise refused(f"; what was given has the shape {list(array.shape)}")
    return array.astype(dtype)


def _fits(array: NDArray[Any], dtype: np.dtype[Any]) -> bool:
    if dtype.kind == "b":
        return array.dtype.kind == "b"
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return array.dtype.kind in "iu" and (
            not array.size or bool(limits.min <= array.min() and array.max() <= limits.max)
        )
    if dtype.kind in "fc":
        return array.dtype.kind in "iuf"
    return array.dtype.kind in "US"


def _shape(tensor: Tensor) -> list[int]:
    signature = [int(extent) for extent in tensor["shape_signature"]]
    return signature or [int(extent) for extent in tensor["shape"]]


def _described(tensor: Tensor) -> str:
    return f"{np.dtype(tensor['dtype']).name} {_shape(tensor)}"


def _list(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} ({_described(tensor)})" for name, tensor in tensors.items())


def _decoded(values: Any) -> Any:
    if isinstance(values, list):
        return [_decoded(value) for value in values]
    return values.decode("utf-8", "replace") if isinstance(values, bytes) else values


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:500] or type(error).__name__
