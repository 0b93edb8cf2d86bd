"""How fast each engine was with a model on this machine, kept in a file: ``bench_model`` writes it, ``auto`` reads it.

A speed counts for the very same bytes of the model, version of the engine, machine, and way to load; any other is as if
it had never been measured. The file may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from native_host.core.small_files import replace_whole

if TYPE_CHECKING:
    from tabagent_model import ModelFacts

log = logging.getLogger(__name__)

TYPICAL_PROMPT = 512
TYPICAL_ANSWER = 128
"""Tokens of the request by which engines are compared."""
KEPT = 1000
"""Speeds in the file; the oldest go."""

_Positive = Annotated[float, Field(gt=0)]


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


class Conditions(_Record):
    """What speeds must have in common to be compared. ``model`` is a ``fingerprint``; ``context_length`` in tokens."""

    model: str
    machine: str
    context_length: int | None
    device: str
    dtype: str
    gpu_layers: int


class Speed(_Record):
    """What an engine did. Rates are tokens per second; ``measured_at`` is a date and time, UTC, by ISO 8601."""

    conditions: Conditions
    engine: str
    engine_version: str
    prefill_tokens_per_second: _Positive
    decode_tokens_per_second: _Positive
    load_ms: float
    measured_at: str

    @property
    def typical_ms(self) -> float:
        """Milliseconds for the typical request: its prompt read and its answer written, the model being loaded."""
        return typical_ms(self.prefill_tokens_per_second, self.decode_tokens_per_second)


class _File(_Record):
    version: Literal[1]
    speeds: list[Speed]


class SpeedFile:
    """The speeds on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, conditions: Conditions) -> list[Speed]:
        """All that were measured so."""
        return [speed for speed in self._read() if speed.conditions == conditions]

    def knows(self, model: str) -> bool:
        """Whether anything was measured with this model."""
        return any(speed.conditions.model == model for speed in self._read())

    def record(self, speed: Speed) -> None:
        """Keep it instead of what was measured before of the same. The file is replaced whole.

        Raises:
            OSError: it cannot be written.
        """
        others = [it for it in self._read() if (it.conditions, it.engine) != (speed.conditions, speed.engine)]
        replace_whole(self._path, _File(version=1, speeds=[*others, speed][-KEPT:]).model_dump_json(indent=1))

    def _read(self) -> Sequence[Speed]:
        try:
            return _File.model_validate_json(self._path.read_bytes()).speeds
        except FileNotFoundError:
            return ()
        except (OSError, ValidationError) as error:
            log.warning("measured speeds are ignored, %s cannot be used: %s", self._path, str(error).splitlines()[0])
            return ()


def typical_ms(prefill_tokens_per_second: float, decode_tokens_per_second: float) -> float:
    """Milliseconds for ``TYPICAL_PROMPT`` tokens read and ``TYPICAL_ANSWER`` written at these rates."""
    return 1000 * (TYPICAL_PROMPT / prefill_tokens_per_second + TYPICAL_ANSWER / decode_tokens_per_second)


def fingerprint(facts: ModelFacts) -> str | None:
    """Tells a model's bytes from any others': place, size and time of each file; None for a model of a server."""
    if facts["path"] is None:
        return None
    entry = Path(facts["path"])
    names = [PurePosixPath(file["path"]) for file in facts["files"]]
    folder = entry.parents[len(names[0].parts) - 1] if names else entry.parent
    digest = hashlib.sha256()
    for path in (entry, *(folder / name for name in names)):
        try:
            place, at = path.resolve(strict=True), path.stat()
        except OSError:
            return None
        digest.update(b"%s\0%d %d\n" % (os.fsencode(place), at.st_size, at.st_mtime_ns))
    return digest.hexdigest()[:32]
