"""Row H17: a file whose name no model can have hides no other model of its folder."""

from __future__ import annotations

import os

import pytest

from tabagent_chaos import chaos_file
from tests.support import MODEL, Installation

ODD = [
    b"a:b.gguf",
    b"a\\b.gguf",
    b"a\nb.gguf",
    b"\xff.gguf",
    b" .gguf",
    b"..gguf",
    b"x:y/model.gguf",
    b"x\\y/model.gguf",
]


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_h17_a_file_with_an_odd_name_hides_no_other(tabagent: Installation, name: bytes) -> None:
    tabagent.chaos_model("good")
    path = os.path.join(os.fsencode(tabagent.models), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(chaos_file({}))
    with tabagent.host() as host:
        listed = {model["name"]: model["path"] for model in host.result("list_models")["result"]["models"]}
        assert listed.keys() >= {"good", MODEL}
        assert host.result("load_model", model="good", engine="chaos")["event"] == "done"
        odd = listed.keys() - {"good", MODEL}
        for model in odd:
            assert host.result("detect_model", model=model)["result"]["path"] == listed[model]
    assert odd or "left out" in tabagent.log(), tabagent.log()
