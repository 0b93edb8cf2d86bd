"""What the tasks have in common: how one is opened, and what its library's errors mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from mediapipe.tasks.python import BaseOptions

from backends import labels
from backends.contract import EngineError

Field = Literal["image", "audio", "text"]
_ERRORS = (ValueError, RuntimeError, OSError, IndexError)
"""The library's exceptions are Python's own, after the kinds of its statuses (``mediapipe_c_utils.py``)."""


class Runner(Protocol):
    """One model that is loaded."""

    takes: ClassVar[Field]
    """The field of the inputs that it wants."""

    def __init__(self, path: Path) -> None: ...

    def run(self, content: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Its answer as the hub's Inference API has it."""

    def close(self) -> None:
        """Free the model."""


def open_task(task: Any, options: Any, path: Path, **settings: Any) -> Any:
    """A task of the library.

    Raises:
        EngineError: ``load_failed``.
    """
    try:
        return task.create_from_options(options(base_options=BaseOptions(model_asset_path=str(path)), **settings))
    except _ERRORS as error:
        message = f"MediaPipe does not load {path}: {str(error)[:500]}"
        raise EngineError("load_failed", message, path=str(path)) from error


@contextmanager
def running() -> Iterator[None]:
    """Around a call of a task."""
    try:
        yield
    except _ERRORS as error:
        raise EngineError("generation_failed", f"MediaPipe did not run the model: {str(error)[:500]}") from error


def ranked(categories: Sequence[Any], parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Categories of the library as ``[{label, score}, …]``."""
    scores = [category.score for category in categories]
    names = {place: name_of(category) for place, category in enumerate(categories)}
    return labels.best(scores, names, parameters)


def name_of(category: Any) -> str:
    """A category's name, or its number where the model has no file of labels."""
    return category.category_name or category.display_name or f"LABEL_{category.index}"
