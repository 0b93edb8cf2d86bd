"""Row T5: an index of shards cannot have an engine open a pickle, or a file of another folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tabagent_weights import tiny_llama
from tests.made_models import safetensors
from tests.support import Installation

WEIGHTS = safetensors(w=("F32", [4]))


def sharded(folder: Path, name: str) -> Path:
    """Make a tiny Llama whose index names a file for all its weights; returns its only shard."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(tiny_llama.safetensors(), folder)
    shard = folder / "model-00001-of-00001.safetensors"
    (folder / "model.safetensors").rename(folder.parent / "elsewhere.safetensors")
    shard.write_bytes(WEIGHTS)
    index = {"metadata": {}, "weight_map": {"model.norm.weight": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return shard


@pytest.mark.parametrize("engine", ["candle", "transformers"])
@pytest.mark.parametrize("place", ["../elsewhere.safetensors", "{root}/elsewhere.safetensors", "pickle.bin"])
def test_t5_an_index_names_files_of_its_folder_only(shared: Installation, engine: str, place: str) -> None:
    model = sharded(shared.models / "llama", place.format(root=shared.models))
    (model.parent / "pickle.bin").write_bytes(b"\x80\x02}.")
    with shared.host() as host:
        error = host.result("load_model", model=str(model), engine=engine)["error"]
        assert error["code"] == "format_refused"
        assert "no safetensors file of its folder" in error["message"]


def test_t5_a_configuration_names_no_other_weights(shared: Installation) -> None:
    model = sharded(shared.models / "llama", "model-00001-of-00001.safetensors")
    config = model.parent / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "transformers_weights": "pickle.bin"}))
    (model.parent / "pickle.bin").write_bytes(b"\x80\x02}.")
    with shared.host() as host:
        error = host.result("load_model", model=str(model), engine="transformers")["error"]
        assert error["code"] == "format_refused"
