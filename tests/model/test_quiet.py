"""The process around the model: stdout stays clean, Ctrl-C works, and nothing of the build folder is used."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PREPARE = """
import sys, tabagent_model
model = tabagent_model.PyModel()
model.load(tabagent_model.get_optimal_binary("libllama.so"), sys.argv[1])
"""


def run(program: str, model_path: Path, **options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PREPARE + program, str(model_path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_nothing_is_written_to_stdout(model_path: Path) -> None:
    process = run("stream = model.stream('Hello ' * 2000); stream.cancel()\nmodel.generate('Hi', 3)", model_path)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, b"", b"")


def test_leaving_with_everything_running_ends_cleanly(model_path: Path) -> None:
    process = run("streams = [model.stream('Hello', 2000) for _ in range(6)]\nnext(streams[0])", model_path)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (0, b"", b"")


@pytest.mark.parametrize("wait", ["model.generate(prompt, 2)", "list(model.stream(prompt, 2))"])
def test_ctrl_c_is_noticed(model_path: Path, wait: str) -> None:
    # Started in the background, as some CI runners do, a process inherits that SIGINT is ignored.
    handler = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    process = run(f"{handler}\nprompt = 'Hello ' * 7000\nprint('ready', flush=True)\n{wait}", model_path)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(0.3)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors
    assert time.monotonic() - began < 10, "the prompt takes longer"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace shows which files are opened")
def test_no_build_folder_is_looked_at(model_path: Path) -> None:
    target = os.environ.get("CARGO_TARGET_DIR", "tabagent-rs/target")
    command = ["strace", "-f", "-e", "trace=file", sys.executable, "-c", PREPARE, str(model_path)]
    traced = subprocess.run(command, capture_output=True, text=True, check=True)
    assert target not in traced.stderr
    assert "llama-cpp-sys" not in traced.stderr
