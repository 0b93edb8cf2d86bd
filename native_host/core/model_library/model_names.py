"""Names of models on disk: each has its own, the shortest that tells it from the others.

A model is called after its file or folder. If several are called the same, as many of the folders above are put before
the name as it takes: ``a/model`` and ``b/model``. Names depend on nothing but the files that are there, so they are the
same after a restart.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path

from native_host.core.model_library.hub_cache import Snapshot
from native_host.core.model_library.model_file import ModelFile
from native_host.protocol import strict_json

SHORT_COMMIT = 7
"""Hexadecimal digits of a commit in a name, as git shows them."""

log = logging.getLogger(__name__)


def distinct(
    groups: Iterable[Sequence[ModelFile]], is_reserved: Callable[[ModelFile, str], bool]
) -> dict[str, ModelFile]:
    """Return models by their names.

    Args:
        groups: Models that may be called the same. A short name belongs to the first group that has it; models of one
            group are equals, and none of them gets a name that could mean another.
        is_reserved: Returns True for a name that means something else than that model already.
    """
    named: dict[str, ModelFile] = {}
    claimed: set[str] = set()
    for group in groups:
        namesakes: dict[str, _Namesakes] = {}
        for model in group:
            if model.name not in namesakes:
                namesakes[model.name] = _Namesakes(named.get(model.name))
            namesakes[model.name].add(model)
        by_name = {name: found.models for name, found in namesakes.items() if found.models}
        for name, models in by_name.items():
            meanings = Counter(it for model in models for it in set(_names(model))) if len(models) > 1 else Counter()
            for model in models:
                for candidate in _names(model):
                    is_free = meanings[candidate] <= 1 and candidate not in claimed and candidate not in named
                    is_its_own = candidate == name or candidate not in by_name
                    if is_free and is_its_own and _is_usable(candidate) and not is_reserved(model, candidate):
                        named[candidate] = replace(model, name=candidate)
                        break
                else:
                    _log_nameless(str(model.path))
        claimed.update(by_name)
    return named


def could_mean(reference: str, model: ModelFile) -> bool:
    """Return True if ``reference`` is a name that ``model`` would have beside fewer or more models of that name.

    Folders above the configured one count only where they are listed: a path is no name.
    """
    folder = Path(model.source)
    if folder.is_absolute():
        depth = len(model.path.relative_to(folder).parts)
        if reference.count("/") > depth or f"/{reference}" in {str(model.path), str(model.path.with_suffix(""))}:
            return False
    return reference in _names(model)


def _names(model: ModelFile) -> Iterator[str]:
    """Yield the names that a model may have, the shortest first."""
    return chain((model.short_name,), model.longer_names())


def names_in_folders(path: Path, *, is_file: bool) -> Iterator[str]:
    """Yield the longer names of a model outside the hub's cache, without the extension as long as that is enough."""
    parts = path.parts[1:]
    plain = (*parts[:-1], path.stem) if is_file else parts[:-1]
    for count in range(2, len(plain) + 1):
        yield "/".join(plain[-count:])
    for count in range(1 if is_file else 2, len(parts) + 1):
        yield "/".join(parts[-count:])


def names_in_hub(snapshot: Snapshot, path: Path, tag: str | None) -> Iterator[str]:
    """Yield the longer names of a model in the hub's cache: with its revision, and with the file's name for the tag."""
    places = [snapshot.repository]
    if snapshot.commit != snapshot.main:
        revisions = (*snapshot.revisions(), snapshot.commit[:SHORT_COMMIT], snapshot.commit)
        places = [f"{snapshot.repository}@{revision}" for revision in revisions]
    for place in places:
        yield f"{place}:{tag}" if tag else place
        yield f"{place}:{path.relative_to(snapshot.path).as_posix()}"


def _is_usable(name: str) -> bool:
    """Return True for text that a message can carry and that neither HTTP nor the command line takes for a path."""
    return strict_json.clean(name) == name and not name.startswith((".", "~"))


class _Namesakes:
    """Models that are called the same. The same files, found in a nested folder or through links, count once."""

    def __init__(self, earlier: ModelFile | None) -> None:
        """``earlier``: the model of an earlier group that has the name."""
        self.models: list[ModelFile] = []
        self._unread = [earlier] if earlier is not None else []
        self._paths: set[Path] = set()
        self._targets: set[frozenset[str]] = set()

    def add(self, model: ModelFile) -> None:
        """Add a model that is not there yet. Links are followed only where there are two models of a name."""
        if (self._unread or self._paths) and self._is_known(model):
            return
        self.models.append(model)
        self._unread.append(model)

    def _is_known(self, model: ModelFile) -> bool:
        while self._unread:
            known = self._unread.pop()
            self._paths.add(known.path)
            self._targets.add(_targets(known))
        return model.path in self._paths or _targets(model) in self._targets


def _targets(model: ModelFile) -> frozenset[str]:
    return frozenset(os.path.realpath(path) for path in model.files or (model.path,))


@cache
def _log_nameless(path: str) -> None:
    """Log a model that is not listed, once."""
    log.warning("%r is not listed: no message can carry its name, or another model has each of its names", path)
