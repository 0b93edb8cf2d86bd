"""A load that grows without end is ended; growth alone would count as progress for ever."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from backends.out_of_memory import is_out_of_memory

LOAD = """
import sys, time
from backends import load_progress
load_progress.EVERY_S = 0.01
load_progress.SPARE_BYTES = 32 * 2**20
with load_progress.ResidentProgress(2**20, lambda fraction: None):
    kept = b"x" * (int(sys.argv[1]) * 2**20)
    time.sleep(0.5)
print("loaded")
"""


def load(mebibytes: int) -> subprocess.CompletedProcess[str]:
    """Run a load of 1 MiB of weights that takes so much memory, and may take 40 MiB."""
    command = [sys.executable, "-c", LOAD, str(mebibytes)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_a_load_that_takes_far_too_much_is_ended() -> None:
    done = load(200)
    assert done.returncode == -signal.SIGABRT
    assert is_out_of_memory(done.stderr)
    assert "for weights of 1 MiB" in done.stderr


def test_a_load_that_takes_more_than_its_weights_is_not() -> None:
    assert load(20).stdout == "loaded\n"
