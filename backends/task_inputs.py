"""What a request gives to a model's own task: ``inputs``, of which each model takes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backends.contract import EngineError


def required(inputs: Mapping[str, Any], field: str) -> str:
    """An input that a model cannot do without.

    Raises:
        EngineError: ``bad_param``.
    """
    if inputs.get(field) is None:
        raise unusable(f"inputs.{field}", "is missing; this model takes it")
    return str(inputs[field])


def unusable(path: str, what: str) -> EngineError:
    """The error for what is at ``path`` in a request, of which ``what`` is said."""
    return EngineError("bad_param", f"{path} {what}.", path=path)
