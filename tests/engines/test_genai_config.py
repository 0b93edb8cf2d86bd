"""Row T11: a model of onnxruntime-genai cannot have libraries loaded or files written.

Its configuration may name both, and the runtime obeys.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tabagent_weights import tiny_llama
from tests.support import Installation


def copy_with(folder: Path, options: dict[str, Any]) -> Path:
    """Copy the tiny Llama, with these session options; returns its graph."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(tiny_llama.onnx("fp32"), folder)
    path = folder / "genai_config.json"
    config = json.loads(path.read_text())
    config["model"]["decoder"]["session_options"].update(options)
    path.write_text(json.dumps(config))
    return folder / "model.onnx"


@pytest.mark.parametrize("library", ["evil.so", "/tmp/evil.so", "./evil.so"])
def test_t11_libraries_are_not_loaded(shared: Installation, library: str) -> None:
    model = copy_with(shared.models / "llama", {"custom_ops_library": library})
    (model.parent / "evil.so").write_bytes(b"\x7fELF")
    with shared.host() as host:
        error = host.result("load_model", model=str(model), engine="onnxruntime")["error"]
        assert error["code"] == "remote_code_refused"
        assert "custom_ops_library" in error["message"]


@pytest.mark.parametrize("option", ["enable_profiling", "optimized_model_filepath", "ep.context_file_path"])
def test_t11_files_are_not_written(shared: Installation, option: str) -> None:
    outside = shared.root / "outside"
    outside.mkdir(exist_ok=True)
    model = copy_with(shared.models / "llama", {option: str(outside / "written")})
    with shared.host() as host:
        error = host.result("load_model", model=str(model), engine="onnxruntime")["error"]
        assert error["code"] == "format_refused"
        assert option in error["message"]
    assert not list(outside.iterdir())


def test_harmless_options_are_obeyed(shared: Installation) -> None:
    options = {"intra_op_num_threads": 1, "provider_options": [{"cuda": {"enable_cuda_graph": "0"}}]}
    model = copy_with(shared.models / "llama", options)
    with shared.host() as host:
        assert host.result("load_model", model=str(model), engine="onnxruntime")["event"] == "done"


def test_t11_what_was_known_of_a_model_does_not_hide_a_change(shared: Installation) -> None:
    model = copy_with(shared.models / "llama", {})
    config = model.parent / "genai_config.json"
    good = config.read_text()
    with shared.host() as host:
        for _ in range(2):
            config.write_text(good)
            assert host.result("load_model", model=str(model), engine="onnxruntime")["event"] == "done"
            host.result("unload_model", model=str(model))
            config.write_text(good.replace('"session_options": {', '"session_options": {"custom_ops_library": "x",'))
            error = host.result("load_model", model=str(model), engine="onnxruntime")["error"]
            assert error["code"] == "remote_code_refused"
