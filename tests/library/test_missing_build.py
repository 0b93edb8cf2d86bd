"""Where the wheel carries no llama.cpp for the machine, a GGUF model goes to the next engine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import tabagent_model

from tabagent_weights import packages

RANK = """
import json, sys
sys.path.insert(0, sys.argv[1])
from backends.registry import descriptors
from native_host.core.model_detection import ModelDetection
from native_host.settings import load_settings
facts = ModelDetection(load_settings(), descriptors()).look_at(sys.argv[2])
print(json.dumps([facts["backend"], *facts["alternatives"]]))
"""


def test_engines_for_gguf_without_a_build(tmp_path: Path) -> None:
    wheel = Path(tabagent_model.__file__).parent
    shutil.copytree(wheel, tmp_path / wheel.name, ignore=shutil.ignore_patterns("*ggml-cpu-*"))
    command = [sys.executable, "-c", RANK, str(tmp_path), str(packages.smollm2_gguf())]
    ranked = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    engines = {place["engine"]: place["obstacles"] for by in ranked for place in by.values()}
    assert [name for name in engines if name != "chaos"] == ["candle", "llama_cpp_python", "llama_cpp"]
    assert engines["llama_cpp_python"] == []
    assert [it["code"] for it in engines["llama_cpp"]] == ["engine_unavailable"]
