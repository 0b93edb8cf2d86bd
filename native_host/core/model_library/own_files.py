"""Files of a model that lies among a user's other files: its weights, and what its index names.

``find_models`` also counts the configuration beside the weights, every ``.json``, ``.txt`` and ``.model`` file of the
folder, because engines read it. A user's own files may be among these, so they are not removed with a model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from native_host.core.small_files import read_small

_PART = re.compile(r"(?P<stem>.+)-\d+-of-(?P<count>\d+)(?P<end>\.\w+)")
_LARGEST_INDEX = 64 << 20


def own_files(entry: Path, files: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return those of ``files`` that the model at ``entry`` consists of, the entry last."""
    candidates = {path for path in files if path != entry}
    own = {path for path in candidates if _same_series(entry, path)}
    for index in _indexes(entry):
        named = {index.parent / name for name in _strings(_read(index))} & candidates
        own |= named | ({index} & candidates)
    own |= {path for path in candidates if any(_is_data_of(graph, path) for graph in (entry, *own))}
    return (*sorted(own), entry)


def _same_series(entry: Path, other: Path) -> bool:
    one, two = _PART.fullmatch(entry.name), _PART.fullmatch(other.name)
    return bool(one and two) and entry.parent == other.parent and one.groups() == two.groups()  # type: ignore[union-attr]


def _indexes(entry: Path) -> Iterator[Path]:
    """Yield the files that may name a model's other files."""
    if entry.name == "genai_config.json":
        yield entry
    part = _PART.fullmatch(entry.name)
    yield entry.with_name(f"{part['stem']}{part['end']}.index.json" if part else f"{entry.name}.index.json")


def _is_data_of(entry: Path, path: Path) -> bool:
    """Return True for an ONNX graph's external data, or the variables of a TensorFlow model."""
    if entry.suffix == ".onnx":
        rest = path.name.removeprefix(entry.stem)
        return path.parent == entry.parent and re.fullmatch(r"\.onnx[_.]data(?:_\d+)?|\.data", rest) is not None
    in_variables = path.parent == entry.parent / "variables"
    return entry.name == "saved_model.pb" and in_variables and path.name.startswith("variables.")


def _read(index: Path) -> Any:
    try:
        return json.loads(read_small(index, _LARGEST_INDEX))
    except (OSError, ValueError, RecursionError):
        return None


def _strings(value: Any) -> Iterator[str]:
    """Yield the names of files in an index: values of ``weight_map``, or of any ``filename``."""
    if not isinstance(value, dict):
        return
    shards = value.get("weight_map")
    if isinstance(shards, dict):
        yield from {name for name in shards.values() if isinstance(name, str)}
    for key, inner in value.items():
        if key == "filename" and isinstance(inner, str):
            yield inner
        yield from _strings(inner)
