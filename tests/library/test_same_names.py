"""Row H16: models that are called the same are all listed, each by the shortest name that means no other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tabagent_chaos import chaos_file
from tabagent_harness import HostProcess
from tabagent_harness.http_process import HttpProcess
from tests.cli.terminal import Cli
from tests.fake_hub import FakeHub, Repository
from tests.library.pulling import REPO, pull, tiny
from tests.made_models import safetensors
from tests.support import MODEL, Installation

CHAOS = chaos_file({})
WEIGHTS = safetensors(w=("F32", [4]))
ONE_TOKEN = '{"tokens": 1}'


def write(path: Path, content: bytes = CHAOS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def listed(host: HostProcess) -> dict[str, str]:
    return {model["name"]: model["path"] for model in host.result("list_models")["result"]["models"]}


@pytest.fixture
def two(tabagent: Installation) -> dict[str, Path]:
    return {f"{folder}/model": write(tabagent.models / folder / "model.gguf") for folder in "ab"}


def test_h16_two_files_of_one_name(tabagent: Installation, two: dict[str, Path]) -> None:
    for _ in range(2):  # a new broker gives the same names
        with tabagent.host() as host:
            assert listed(host).items() >= {name: str(path) for name, path in two.items()}.items()
            for name, path in two.items():
                assert host.result("detect_model", model=name)["result"]["path"] == str(path)
                done = host.result("generate", model=name, engine="chaos", prompt=ONE_TOKEN)["result"]
                assert done["model"] == name
                assert host.result("verify_model", model=name)["result"]["files"][0]["path"] == str(path)
                assert host.result("unload_model", model=name)["event"] == "done"
            error = host.result("load_model", model="model", engine="chaos")["error"]
            assert (error["code"], error["details"]["models"]) == ("model_not_found", [*two])
        tabagent.stop()
    with tabagent.host() as host:
        assert host.result("remove_model", model="a/model")["result"]["files"] == [str(two["a/model"])]
        assert not two["a/model"].exists()
        assert listed(host)["model"] == str(two["b/model"])
        assert host.result("detect_model", model="b/model")["result"]["path"] == str(two["b/model"])
        assert host.result("detect_model", model="model")["result"]["path"] == str(two["b/model"])


def test_h16_over_http_and_on_the_command_line(tabagent: Installation, two: dict[str, Path]) -> None:
    ask: dict[str, Any] = {"engine": "chaos", "messages": [{"role": "user", "content": ONE_TOKEN}]}
    with HttpProcess(tabagent) as http:
        names = {model["id"] for model in http.client.get("/v1/models").json()["data"]}
        assert names >= set(two)
        assert {model["name"] for model in http.client.get("/api/tags").json()["models"]} >= set(two)
        for name in two:
            assert http.client.get(f"/v1/models/{name}").json()["id"] == name
            assert http.post("/v1/chat/completions", model=name, **ask).json()["model"] == name
            assert http.post("/v1/messages", model=name, max_tokens=4, **ask).json()["model"] == name
            assert http.post("/api/chat", model=f"{name}:latest", stream=False, **ask).json()["done"]
            assert http.post("/api/show", model=name).status_code == 200
            assert http.post("/api/pull", model=name, stream=False).json() == {"status": "success"}
            http.post("/tabagent/v1/unload_model", model=name).raise_for_status()
        answer = http.post("/v1/chat/completions", model="model", **ask)
        assert answer.status_code == 404
        assert all(name in answer.text for name in two)
        http.client.request("DELETE", "/api/delete", json={"model": "b/model"}).raise_for_status()
        assert not two["b/model"].exists()
        write(two["b/model"])
    command = Cli(tabagent)
    table = command.ok("list")
    assert all(name in table for name in two)
    assert str(two["a/model"]) in command.ok("show", "a/model")
    command.ok("rm", "a/model")
    assert [path.exists() for path in two.values()] == [False, True]


def test_h16_every_kind_of_clash(install: Callable[..., Installation], hub: FakeHub, tmp_path: Path) -> None:
    """Folders of weights, several configured folders, other extensions, packages, links, and tools' folders."""
    one, two = tmp_path / "one", tmp_path / "two"
    expected = {
        "one/deep": write(one / "deep.gguf"),
        "two/deep": write(two / "deep.gguf"),
        "one/x/llama": write(one / "x/llama/model.safetensors", WEIGHTS),
        "y/llama": write(one / "y/llama/model.safetensors", WEIGHTS),
        "two/x/llama": write(two / "x/llama/model.safetensors", WEIGHTS),
        "both.gguf": write(two / "both.gguf"),
        "both/model.safetensors": write(two / "both/model.safetensors", WEIGHTS),
        f"one/{MODEL}": write(one / f"{MODEL}.gguf"),
        "single": write(one / "z/single.gguf"),
        "one/.hidden": write(one / ".hidden.gguf"),
        "studio/deep": write(tmp_path / "studio/deep.gguf"),
    }
    (one / "z/again").symlink_to(one / "z")  # a loop: found once or many times, never named twice
    (one / "copy").mkdir()
    (one / "copy/single.gguf").symlink_to(one / "z/single.gguf")
    tabagent = install(hub_endpoint=hub.url)
    tabagent.environ["TABAGENT_MODEL_DIRS"] = f"{one}:{two}:{one / 'z'}"
    tabagent.environ["TABAGENT_TOOL_MODEL_DIRS"] = str(tmp_path / "studio")
    with tabagent.host() as host:
        names = listed(host)
        assert MODEL in names
        assert {name: path for name, path in names.items() if path.startswith(str(tmp_path))} in (
            {name: str(path) for name, path in expected.items()},
            {name: str(path) for name, path in (expected | {"single": one / "copy/single.gguf"}).items()},
        )
        for name in expected:
            assert host.result("detect_model", model=name)["result"]["path"] == names[name]


def test_h16_names_of_the_hub(puller: Installation, hub: FakeHub) -> None:
    """Two commits, two files of one quantisation, and local files that would be called the same."""
    hub.repositories[REPO] = Repository({"one-Q4_0.gguf": tiny(400, seed=2)})
    local = write(puller.models / REPO / "model.safetensors", WEIGHTS)
    other = write(puller.models / "other" / REPO.partition("/")[2] / "model.safetensors", WEIGHTS)
    with puller.host() as host:
        first = pull(host, f"{REPO}@v1")["result"]
        assert first["model"] == f"{REPO}:Q4_0"
        hub.repositories[REPO] = Repository({"one-Q4_0.gguf": tiny(400, seed=3)}, commit="f" * 40)
        second = pull(host)["result"]
        assert second["model"] == f"{REPO}:Q4_0"
        names = listed(host)
        assert names[f"{REPO}@v1:Q4_0"] == first["path"]
        assert names[f"{REPO}:Q4_0"] == second["path"]
        assert {names[name] for name in names if name.endswith("tiny-GGUF")} == {str(local), str(other)}
        assert host.result("detect_model", model=REPO)["result"]["path"] == second["path"]
        hub.repositories[REPO].commit = "e" * 40  # the same file in a third commit is the same model
        assert pull(host, f"{REPO}@v2")["result"]["model"] == f"{REPO}:Q4_0"
        twin = Path(second["path"]).with_name("two-Q4_0.gguf")
        twin.write_bytes(tiny(400, seed=4))
        names = listed(host)
        assert names[f"{REPO}:one-Q4_0.gguf"] == second["path"]
        assert names[f"{REPO}:two-Q4_0.gguf"] == str(twin)
        assert names[f"{REPO}@v1:Q4_0"] == first["path"]
        assert host.result("load_model", model=f"{REPO}:Q4_0")["error"]["code"] == "model_not_found"
        assert host.result("remove_model", model=f"{REPO}:two-Q4_0.gguf")["event"] == "done"
        assert host.result("remove_model", model=f"{REPO}@v1:Q4_0")["result"]["files"] == [first["path"]]
        assert listed(host)[f"{REPO}:Q4_0"] == second["path"]


def test_h16_ollamas_owners(tabagent: Installation) -> None:
    ollama = Path(tabagent.environ["TABAGENT_OLLAMA_DIR"])
    for digit, owner in enumerate(("library", "someone")):
        digest = str(digit) * 64
        write(ollama / f"blobs/sha256-{digest}", chaos_file({"seed": digit}))
        layers = [{"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"}]
        write(ollama / f"manifests/registry.ollama.ai/{owner}/llama/1b", json.dumps({"layers": layers}).encode())
    with tabagent.host() as host:
        assert {"library/llama:1b", "someone/llama:1b"} <= set(listed(host))


def test_h16_a_link_to_a_folder_that_is_configured_too(tabagent: Installation, tmp_path: Path) -> None:
    """The same files by two ways are one model."""
    write(tabagent.models / "a.gguf")
    shutil.copy(tabagent.models / "a.gguf", tabagent.models / "b.gguf")
    (tmp_path / "link").symlink_to(tabagent.models)
    tabagent.environ["TABAGENT_MODEL_DIRS"] += f":{tmp_path / 'link'}"
    with tabagent.host() as host:
        assert set(listed(host)) == {"a", "b", MODEL}
