"""Whisper as ONNX graphs in the layout of the hub: ``encoder_model`` and ``decoder_model`` with its KV cache.

The decoder is ``decoder_model_merged`` (``use_cache_branch`` tells whether there is a cache already), or the pair of
``decoder_model`` and ``decoder_with_past_model``. All names may end alike, as in ``_quantized`` or ``_fp16``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.contract import EngineError, LoadRequest
from backends.onnxruntime.graph import Graph

_ENCODER, _MERGED, _FIRST, _NEXT = "encoder_model", "decoder_model_merged", "decoder_model", "decoder_with_past_model"
_PARTS = (_ENCODER, _MERGED, _FIRST, _NEXT)
_KNOWN = frozenset({"input_ids", "encoder_hidden_states", "encoder_attention_mask", "use_cache_branch"})
_PAST, _PRESENT = "past_key_values.", "present."


class WhisperGraphs:
    """The graphs of one model."""

    def __init__(self, path: Path, request: LoadRequest) -> None:
        """Load those that belong together with the one at ``path``.

        Raises:
            EngineError: ``load_failed``.
        """
        ending = _ending(path)

        def file(name: str) -> Path:
            return path.with_name(f"{name}{ending}.onnx")

        there = {name for name in _PARTS if file(name).is_file()}
        if _ENCODER not in there or not (_MERGED in there or {_FIRST, _NEXT} <= there):
            message = f"{file(_ENCODER).name} and {file(_MERGED).name} belong together; download the model whole."
            raise EngineError("load_failed", message, path=str(path))
        self._encoder = Graph(file(_ENCODER), request)
        self._first = Graph(file(_MERGED if _MERGED in there else _FIRST), request)
        self._next = self._first if _MERGED in there else Graph(file(_NEXT), request)
        self.all = [self._encoder, self._first, *([] if self._next is self._first else [self._next])]
        strange = {name for name in {*self._first.inputs, *self._next.inputs} - _KNOWN if not name.startswith(_PAST)}
        if strange:
            raise EngineError(
                "load_failed", f"The decoder takes what this engine does not give: {sorted(strange)}.", path=str(path)
            )

    def listen(self, features: NDArray[np.float32]) -> Listener:
        """Hear a window: a spectrogram of shape [1, bands, frames]."""
        heard = self._encoder.run({"input_features": features})[self._encoder.outputs[0]]
        return Listener(self._first, self._next, heard)


class Listener:
    """A window that is being written down."""

    def __init__(self, first: Graph, following: Graph, heard: NDArray[Any]) -> None:
        self._graph = first
        self._next = following
        mask = np.ones(heard.shape[:2], np.int64)
        self._fixed = {"encoder_hidden_states": heard, "encoder_attention_mask": mask}
        self._cache = {name: first.empty(name) for name in first.inputs if name.startswith(_PAST)}
        self._has_cache = False

    def evaluate(self, tokens: Sequence[int]) -> NDArray[Any]:
        """Logits of what follows."""
        logits: NDArray[Any] = np.empty(0, np.float32)
        for step in self._steps(tokens):
            out = self._graph.run(
                {
                    "input_ids": np.array([step], np.int64),
                    "use_cache_branch": np.array([self._has_cache]),
                    **self._fixed,
                    **self._cache,
                }
            )
            logits = out["logits"][0, -1]
            # What the encoder's keys and values become in later steps is empty, or not given out.
            present = {name.replace(_PRESENT, _PAST): value for name, value in out.items() if name.startswith(_PRESENT)}
            self._cache.update({name: value for name, value in present.items() if value.size})
            self._graph, self._has_cache = self._next, True
        return logits

    def _steps(self, tokens: Sequence[int]) -> Iterator[list[int]]:
        """Graphs with a cache are made for one token at a time."""
        if self._has_cache:
            yield from ([token] for token in tokens)
        else:
            yield list(tokens)


def _ending(path: Path) -> str:
    for name in _PARTS:
        if path.stem.startswith(name):
            return path.stem.removeprefix(name)
    message = f"{path.name} is none of {_ENCODER}.onnx, {_MERGED}.onnx, {_FIRST}.onnx and {_NEXT}.onnx."
    raise EngineError("load_failed", message, path=str(path))
