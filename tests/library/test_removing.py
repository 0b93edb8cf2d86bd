"""Removing a model takes what it consists of, and nothing that lies beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fake_hub import COMMIT, FakeHub, Repository
from tests.library.pulling import REPO, cache, pull, tiny
from tests.made_models import safetensors
from tests.support import Installation

WEIGHTS = safetensors(w=("F32", [4]))
SHARDS = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
GENAI = {"model": {"type": "phi", "decoder": {"filename": "graph.onnx"}}}
INDEX = {"weight_map": {"a": SHARDS[0], "b": SHARDS[1], "c": "passwords.txt.bak", "d": "../outside.json"}}
STRANGERS = [
    "passwords.txt",
    "my-notes.txt",
    "thesis.model",
    "package.json",
    "config.json",
    "deep/notes.txt",
    "other.bin",
    "graph.onnx.bak",
]
MODELS: dict[str, dict[str, bytes]] = {
    "safetensors": {"model.safetensors": WEIGHTS},
    "shards": {**dict.fromkeys(SHARDS, WEIGHTS), "model.safetensors.index.json": json.dumps(INDEX).encode()},
    "onnx": {"model.onnx": b"\x08\x07", "model.onnx_data": b"d"},
    "genai": {"genai_config.json": json.dumps(GENAI).encode(), "graph.onnx": b"\x08", "graph.onnx.data": b"d"},
    "gguf": {"one.gguf": tiny(400)},
}


@pytest.fixture
def folders(puller: Installation) -> dict[str, Path]:
    """Models by their names, each among files of the user."""
    (puller.models / "outside.json").write_bytes(b"mine")
    for name, files in MODELS.items():
        for file, content in {**dict.fromkeys(STRANGERS, b"{}"), **files}.items():
            path = puller.models / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return {name: puller.models / name for name in MODELS}


def test_s7_strangers_files_stay(puller: Installation, folders: dict[str, Path]) -> None:
    """The answer names the files, beforehand with ``dry_run``."""
    from native_host.core.native import native_module  # noqa: PLC0415

    entries = {name: Path(native_module().find_models(folder)["models"][0]["path"]) for name, folder in folders.items()}
    with puller.host() as host:
        for name, folder in folders.items():
            own = sorted(str(folder / file) for file in MODELS[name])
            before = {path for path in folder.rglob("*") if path.is_file()}
            told = host.result("remove_model", model=str(entries[name]), dry_run=True)["result"]
            assert sorted(told["files"]) == own
            assert {path for path in folder.rglob("*") if path.is_file()} == before
            assert host.result("remove_model", model=str(entries[name]))["result"] == told
            after = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
            assert after == set(STRANGERS)
    assert (puller.models / "outside.json").read_bytes() == b"mine"


def test_s7_a_projector_stays_for_the_other_model(puller: Installation, hub: FakeHub) -> None:
    files = {
        "big-Q4_0.gguf": tiny(400, seed=5),
        "big-Q8_0.gguf": tiny(400, seed=6),
        "mmproj-F16.gguf": tiny(400, seed=7),
    }
    hub.repositories["org/big"] = Repository(files)
    with puller.host() as host:
        paths = [Path(pull(host, f"org/big:{tag}")["result"]["path"]) for tag in ("Q4_0", "Q8_0")]
        host.result("remove_model", model="org/big:Q4_0")
        assert {path.name for path in paths[1].parent.iterdir()} == {"big-Q8_0.gguf", "mmproj-F16.gguf"}
        assert len(host.result("remove_model", model="org/big:Q8_0")["result"]["files"]) == 2
        assert not paths[1].parent.exists()


def test_s23_references_in_folders(puller: Installation, hub: FakeHub) -> None:
    """Those to the commit that went go too; a reference that is none stays."""
    with puller.host() as host:
        name = pull(host)["result"]["model"]
        references = cache(puller) / "refs"
        (references / "refs/pr").mkdir(parents=True)
        (references / "refs/pr/1").write_text(COMMIT)
        (references / "odd").write_bytes(b"\xff\xfe")
        answer = host.result("remove_model", model=name)
        assert answer["event"] == "done", answer
        assert [path.name for path in references.rglob("*")] == ["odd"]
        assert host.result("remove_model", model=name)["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("file", ["a#b-Q4_0.gguf", "100%25 é&a=b+c;d-Q4_0.gguf"])
def test_h24_any_name_of_a_file_is_one_in_the_address(puller: Installation, hub: FakeHub, file: str) -> None:
    hub.repositories[REPO] = Repository({file: tiny(400)})
    with puller.host() as host:
        answer = pull(host)
    assert answer["event"] == "done", answer
    assert Path(answer["result"]["path"]).name == file
