"""The process in which ``detect_model`` reads pickled weights: a question on stdin, the answer on stdout, as JSON."""

from __future__ import annotations

import ctypes
import json
import signal
import sys
from contextlib import suppress

from tabagent_model import _native
from tabagent_model.errors import ModelError

_MOST_MEMORY = 2 << 30
_MOST_SECONDS = 30
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Answer one question."""
    _be_bounded()
    question = json.load(sys.stdin.buffer)
    try:
        answer = dict(_native.detect_model(question.pop("source"), **question))
    except ModelError as error:
        name, path = type(error).__name__, error.path and str(error.path)
        answer = {"error": name, "message": str(error), "path": path, "details": dict(error.details)}
    json.dump(answer, sys.stdout)


def _be_bounded() -> None:
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  # only Unix has it

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS))
    with suppress(ValueError, OSError):  # a lower limit is set already, or the system has none
        resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
