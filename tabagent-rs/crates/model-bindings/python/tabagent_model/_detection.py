"""``detect_model``, with pickled weights read in a process of their own.

Rust's reader of pickles runs nothing and is bounded. The process is a second bound: what a pickle makes the reader do
ends that process at most.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from tabagent_model import _native, errors
from tabagent_model.facts import EngineFacts, ModelFacts

_LIMIT_S = 60.0
_NEEDED = ("LD_LIBRARY_PATH", "PATH", "SYSTEMROOT")
"""Variables that a process may be unable to start without; keys and tokens stay here."""
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from tabagent_model import _reader; _reader.main()"


def detect_model(
    source: str | PathLike[str],
    auth_token: str | None = None,
    *,
    endpoint: str | None = None,
    context_length: int | None = None,
    allow_pickle: bool = False,
    engines: Sequence[EngineFacts] | None = None,
    available_memory: int | None = None,
    onnx_use_rust: bool = False,
    litert_use_rust: bool = False,
) -> ModelFacts:
    """Say what a model is and which engines can run it, best first. Nothing is loaded, run or trusted.

    Args:
        source: A file, a folder, or a repository of the hub: ``org/name``, ``org/name:Q4_K_M``, ``hf.co/org/name``, an
            address. What exists on disk is meant first. For a repository one request is sent.
        auth_token: Sent to the hub and to nobody else.
        endpoint: The hub; ``HF_ENDPOINT`` or huggingface.co when None.
        context_length: Tokens that memory is planned for; None as in ``PyModel.load``.
        allow_pickle: Whether pickled weights may be read: as data, by a reader that runs nothing of them, in a process
            of its own.
        engines: Engines of this installation; None means this wheel alone.
        available_memory: Bytes; what is free now when None.
        onnx_use_rust: Whether an engine in Rust comes first for ONNX models.
        litert_use_rust: Whether an engine in Rust comes first for LiteRT's formats.

    Raises:
        ModelNotFound: Nothing there.
        UnknownModel: Neither a path nor a model of the hub, or the repository holds no such file.
        WrongFormat: A file that is not what it seems, or a folder without a model.
        CorruptModel: A file that contradicts itself, ends early, or exceeds every sane limit.
        ModelRefused: A model that would read other files, or a pickle that would do more than describe tensors.
        HubError: The hub does not know it, keeps it back, or does not answer.
    """
    options: dict[str, Any] = {
        "endpoint": endpoint,
        "context_length": context_length,
        "allow_pickle": allow_pickle,
        "engines": engines,
        "available_memory": available_memory,
        "onnx_use_rust": onnx_use_rust,
        "litert_use_rust": litert_use_rust,
    }
    if allow_pickle and os.path.lexists(source):
        return _in_process(os.fspath(source), options)
    return _native.detect_model(source, auth_token, **options)


def _in_process(source: str, options: dict[str, Any]) -> ModelFacts:
    command = [sys.executable, "-I", "-c", _PROGRAM, str(Path(__file__).parents[1])]
    environ = {name: os.environ[name] for name in _NEEDED if name in os.environ}
    question = json.dumps({"source": source, **options}).encode()
    try:
        child = subprocess.run(
            command, input=question, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ,
            timeout=_LIMIT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise _ended(source, f"reading it takes longer than {_LIMIT_S:.0f} s") from None
    try:
        answer = json.loads(child.stdout)
    except ValueError:
        raise _ended(source, f"the process that read it ended with status {child.returncode}") from None
    if "error" in answer:
        kind: type[errors.ModelError] = getattr(errors, answer["error"])
        raise kind(answer["message"], path=answer["path"], details=answer["details"])
    facts: ModelFacts = answer
    return facts


def _ended(source: str, reason: str) -> errors.CorruptModel:
    return errors.CorruptModel(f"{source} cannot be read: {reason}", path=source, details={"reason": reason})
