"""The chat template that each model was loaded with last, kept in a file: one that has changed is told to the user.

A template decides what a model is told beside the user's words, and a model that is downloaded again may bring another.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from native_host.core.small_files import replace_whole

log = logging.getLogger(__name__)

KEPT = 1000
"""Models in the file; those that were not loaded for the longest time go."""


class _File(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    version: Literal[1]
    templates: dict[str, str | None]


class SeenTemplates:
    """SHA-256 of templates by the names of models; None for a model without one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def changes(self, model: str, template: str | None) -> bool:
        """Take down the template of a model. Return True if the model was loaded with another, or without one, before.

        Where the file cannot be read or written, no template has changed.
        """
        seen = self._read()
        is_known = model in seen
        before = seen.pop(model, None)
        latest = [*seen.items(), (model, template)][-KEPT:]
        try:
            replace_whole(self._path, _File(version=1, templates=dict(latest)).model_dump_json(indent=1))
        except OSError as error:
            log.warning("the chat template of %s cannot be kept in %s: %s", model, self._path, error)
        return is_known and before != template

    def _read(self) -> dict[str, str | None]:
        try:
            return dict(_File.model_validate_json(self._path.read_bytes()).templates)
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            log.warning("%s cannot be read: %s", self._path, str(error).splitlines()[0])
            return {}
