"""What a worker does to itself before it imports an engine: its stdout, its death, its place before the OOM killer."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_OOM_SCORE_ADJ = "500"


def take_stdout() -> int:
    """Keep stdout for frames: returns a private descriptor of it, and points descriptor 1 at stderr."""
    wire = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return wire


def die_with_parent() -> None:
    """End when the broker does, even while native code is stuck. Elsewhere than on Linux the end of stdin must do."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"The worker cannot be bound to its broker: {os.strerror(number)}")


def sleep_when_idle() -> None:
    """Have OpenMP's threads sleep where they wait for each other, not spin. Before an engine is imported.

    Beside one busy program on two cores, PyTorch decoded 4 times as fast for it, and read prompts 10 times as fast.
    """
    os.putenv("OMP_WAIT_POLICY", "PASSIVE")


def tell_nobody() -> None:
    """Have ONNX Runtime count nothing: it writes an id of this machine and what runs to disk as soon as it is imported.

    Sent nothing would be in any case: workers have no network.
    """
    os.putenv("ORT_DISABLE_TELEMETRY", "1")


def prefer_as_oom_victim() -> None:
    """Let the system take this process, not the browser or the broker, when memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE_ADJ, encoding="ascii")
