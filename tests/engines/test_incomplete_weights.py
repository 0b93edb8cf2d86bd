"""Row F36: weights that lack layers of their configuration are refused. Random numbers in their place would answer."""

from __future__ import annotations

import json
import shutil

import pytest

from tabagent_weights import tiny_llama
from tests.support import Installation


@pytest.mark.parametrize("engine", ["candle", "transformers"])
def test_f36_missing_layers(shared: Installation, engine: str) -> None:
    folder = shared.models / engine
    shutil.copytree(tiny_llama.safetensors(), folder)
    config = json.loads((folder / "config.json").read_text())
    with shared.host() as host:
        for layers, code in (
            (config["num_hidden_layers"] + 1, {"model_corrupt", "load_failed"}),
            (10**6, {"model_corrupt"}),
        ):
            (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": layers}))
            error = host.result("load_model", model=str(folder / "model.safetensors"), engine=engine)["error"]
            assert error["code"] in code
            assert str(layers - 1) in error["message"] or str(layers) in error["message"]
