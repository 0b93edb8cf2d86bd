"""What loading and generating raise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# ModelError
#  ├─ ModelNotFound (FileNotFoundError)   no file there
#  ├─ WrongFormat                         not what its name says, or no model     details: format, reason
#  │   └─ NotGguf                         another kind of file, a directory, a pipe
#  ├─ CorruptModel                        a file that contradicts itself or ends early
#  ├─ ModelRefused                        it would read other files or run code
#  ├─ UnknownModel (ValueError)           neither a path nor a model of the hub   details: name, reason
#  ├─ HubError (ConnectionError)          details: endpoint, repository, reason, status
#  ├─ UnknownArchitecture                 the engine does not implement it       details: architecture
#  ├─ InsufficientMemory (MemoryError)    it would not fit     details: needed_bytes, available_bytes
#  ├─ LibraryLoadError                    the CPU module cannot be used
#  ├─ LoadFailed                          the engine refused the file, or a model is already loaded
#  ├─ TokenizerNotFound                   nothing there turns text into tokens   details: reason
#  ├─ DeviceUnavailable                   CUDA or Metal cannot be used           details: device, reason
#  ├─ ContextOverflow                     the prompt leaves no room    details: prompt_tokens, context_length
#  ├─ WrongTask                           made for something else                details: action, can
#  ├─ InvalidParameter (ValueError)       out of range, wrong type, not a number   details: name, reason
#  ├─ GenerationFailed                    decoding failed
#  ├─ Cancelled                           somebody called cancel()
#  └─ ModelClosed                         the model is closed, or was never loaded


class ModelError(Exception):
    """Base of everything this package raises on its own.

    Attributes:
        path: The file concerned, where there is one.
        details: Facts as data; their names are listed with the classes.
    """

    def __init__(self, message: str, *, path: str | None = None, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.details: dict[str, Any] = dict(details or {})


class ModelNotFound(ModelError, FileNotFoundError):
    """No file there."""


class WrongFormat(ModelError):
    """Something is there, but not a file of that format. Details: ``format``, ``reason``."""


class NotGguf(WrongFormat):
    """Something is there, but it is no GGUF file."""


class CorruptModel(ModelError):
    """A file that contradicts itself or ends early. Details: ``reason``."""


class ModelRefused(ModelError):
    """A file that would read other files or run code. Details: ``reason``."""


class UnknownModel(ModelError, ValueError):
    """Neither a path nor a model of the hub. Details: ``name``, ``reason``."""


class HubError(ModelError, ConnectionError):
    """The hub did not describe the model. Details: ``endpoint``, ``repository``, ``reason``, ``status``."""


class UnknownArchitecture(ModelError):
    """A model of an architecture that the engine does not implement. Details: ``architecture``."""


class InsufficientMemory(ModelError, MemoryError):
    """Weights, KV cache and workspace do not fit. Details: ``needed_bytes``, ``available_bytes``."""


class LibraryLoadError(ModelError):
    """The CPU module cannot be used here. Details: ``reason``."""


class LoadFailed(ModelError):
    """The engine refused the model, or one is already loaded. Details: ``reason``."""


class TokenizerNotFound(ModelError):
    """Nothing there turns text into tokens. Details: ``reason``."""


class DeviceUnavailable(ModelError):
    """The device cannot be used. Details: ``device``, ``reason``."""


class ContextOverflow(ModelError):
    """The prompt leaves no room for an answer. Details: ``prompt_tokens``, ``context_length``."""


class WrongTask(ModelError):
    """The model was made for something else. Details: ``action``, ``can``."""


class InvalidParameter(ModelError, ValueError):
    """A parameter out of its range. Details: ``name``, ``reason``."""


class GenerationFailed(ModelError):
    """Decoding failed. Details: ``reason``."""


class Cancelled(ModelError):
    """The generation was cancelled."""


class ModelClosed(ModelError):
    """The model is closed, or was never loaded."""
