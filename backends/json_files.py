"""The small JSON files beside a model's weights."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any


def read_json(folders: Iterable[Path], name: str) -> dict[str, Any]:
    """A file as an object, of the first folder that has it; empty where there is none or it is something else."""
    for folder in folders:
        with suppress(OSError, ValueError, RecursionError):
            content = json.loads((folder / name).read_bytes())
            return content if isinstance(content, dict) else {}
    return {}
