"""An ONNX graph, on the first provider that takes it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from backends.contract import Action, EngineError, LoadRequest, ModelInfo
from backends.onnxruntime.providers import candidates
from backends.text.tokenizer import FolderTokenizer

log = logging.getLogger(__name__)

ERROR = 3
"""Severity from which ONNX Runtime says something."""
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


class Graph:
    """One session. Runs may come from several threads."""

    def __init__(self, path: Path, request: LoadRequest) -> None:
        """Load it.

        Raises:
            EngineError: ``load_failed``.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = request.threads
        options.log_severity_level = ERROR
        self._session, self.provider = _open(path, options, request)
        self.size = path.stat().st_size
        self._shapes = {node.name: node.shape for node in self._session.get_inputs()}
        self._types = {node.name: _TYPES.get(node.type) for node in self._session.get_inputs()}
        self.inputs = list(self._shapes)
        self.outputs = [node.name for node in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """All outputs by name. Inputs get the type that the graph wants; those that it does not have are left out."""
        given = {name: self._fitted(name, inputs[name]) for name in self.inputs if name in inputs}
        return dict(zip(self.outputs, self._session.run(None, given), strict=True))

    def _fitted(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        kind = self._types[name]
        return values if kind is None else values.astype(kind, copy=False)

    def empty(self, name: str) -> NDArray[Any]:
        """Nothing, for an input that a first step does not have: 1 by 0 where the graph leaves the extents open."""
        batch, *others = self._shapes[name]
        extents = [extent if isinstance(extent, int) else 0 for extent in others]
        return np.zeros([batch if isinstance(batch, int) else 1, *extents], self._types[name])

    def info(
        self, tokenizer: FolderTokenizer, *, context_length: int, width: int, actions: tuple[Action, ...]
    ) -> ModelInfo:
        """What the graph and the configuration beside it tell."""
        return ModelInfo(
            architecture=str(tokenizer.read_json("config.json").get("model_type", "")),
            context_length=context_length,
            context_train_length=context_length,
            vocab_size=tokenizer.vocab_size,
            embedding_length=width,
            size_bytes=self.size,
            chat_template=False,
            actions=actions,
            details={"provider": self.provider},
        )

    def width(self, output: str) -> int:
        """The last extent of an output; 0 where the graph leaves it open."""
        shape = next(node.shape for node in self._session.get_outputs() if node.name == output)
        return shape[-1] if shape and isinstance(shape[-1], int) else 0


def _open(path: Path, options: Any, request: LoadRequest) -> tuple[Any, str]:
    reason = ""
    for provider in candidates(request):
        try:
            places = [(provider.name, dict(provider.options))]
            session = onnxruntime.InferenceSession(str(path), options, providers=places)
        except Exception as error:  # noqa: BLE001  # its own exceptions share no base class
            reason = str(error).strip().split("\n")[0][:500]
            log.warning("%s does not take %s: %s", provider.name, path, reason)
            continue
        return session, session.get_providers()[0]
    raise EngineError("load_failed", f"ONNX Runtime cannot load it: {reason}", path=str(path))
