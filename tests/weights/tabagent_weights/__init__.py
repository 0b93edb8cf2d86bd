"""Models for tests and benchmarks, made from the real weights that the registries carry.

Each model is a folder in a cache outside the checkout. A function of this package makes the folder once; the hashes of
its files show whether it is still complete. ``python -m tabagent_weights`` makes the models that engines are compared
on. A module imports the libraries that it converts with, so import only the modules whose models you need.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

_CONTENTS = ".contents.json"
_checked: set[Path] = set()
"""Folders that this process has made or compared with their hashes. Hashing 538 MB takes as long as a short test."""


def cache_root() -> Path:
    """Where they are kept; ``TABAGENT_TEST_MODELS`` moves it."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tabagent-test-models"
    return Path(os.environ.get("TABAGENT_TEST_MODELS", default))


def made(name: str, version: int, make: Callable[[Path], object]) -> Path:
    """Return the folder of that name, filled by ``make`` if it is missing or its files have changed."""
    folder = cache_root() / f"{name}-{version}"
    if folder in _checked:
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not _is_whole(folder):
            fresh = folder.with_name(f"{folder.name}.fresh")
            for leftover in (fresh, folder):
                shutil.rmtree(leftover, ignore_errors=True)
            fresh.mkdir()
            make(fresh)
            (fresh / _CONTENTS).write_text(json.dumps(_contents(fresh)))
            fresh.rename(folder)
    _checked.add(folder)
    return folder


def _is_whole(folder: Path) -> bool:
    try:
        expected = json.loads((folder / _CONTENTS).read_text())
    except (OSError, ValueError):
        return False
    return bool(expected == _contents(folder))


def _contents(folder: Path) -> dict[str, str]:
    """Path → sha256."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _CONTENTS)
    hashes = {}
    for path in files:
        with path.open("rb") as file:
            hashes[str(path.relative_to(folder))] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes
