"""Row F36: folders of models that are huge, full of namesakes, or that lead back to themselves hold nobody up."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path

import pytest

from tabagent_chaos import chaos_file
from tabagent_harness import HostProcess
from tests.made_models import safetensors
from tests.support import MODEL, Installation

MODELS = 1000
REFUSED = {"model_corrupt", "insufficient_memory", "remote_code_refused", "unsupported_task", "load_failed"}
LIMIT_S = 30.0
"""Each of these took minutes or did not end."""


def listed(host: HostProcess) -> set[str]:
    began = time.monotonic()
    models = host.result("list_models", timeout_s=600)["result"]["models"]
    assert time.monotonic() - began < LIMIT_S
    return {model["name"] for model in models} - {MODEL}


def test_f36_namesakes(tabagent: Installation) -> None:
    for number in range(MODELS):
        path = tabagent.models / str(number) / "model.gguf"
        path.parent.mkdir()
        path.write_bytes(chaos_file({"number": number}))
    with tabagent.host() as host:
        assert listed(host) == {f"{number}/model" for number in range(MODELS)}


def test_f36_links_to_the_folder_itself(tabagent: Installation) -> None:
    (tabagent.models / "a.gguf").write_bytes(chaos_file({}))
    for number in range(100):
        (tabagent.models / f"link{number}").symlink_to(".")
    with tabagent.host() as host:
        assert listed(host) == {"a"}
        began = time.monotonic()
        assert host.result("detect_model", model=str(tabagent.models))["event"] == "done"
        assert time.monotonic() - began < LIMIT_S


def test_f36_a_model_among_many_other_files(tabagent: Installation) -> None:
    for number in range(12_000):
        (tabagent.models / f"{number}.txt").touch()
    (tabagent.models / "z.gguf").write_bytes(chaos_file({}))
    with tabagent.host() as host:
        assert listed(host) == {"z"}


def sparse(path: Path, head: bytes) -> None:
    path.write_bytes(head)
    os.truncate(path, 2**40)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "chat_template.jinja", "README.md"])
def test_f36_sparse_files_beside_the_weights(tabagent: Installation, name: str) -> None:
    (tabagent.models / "model.safetensors").write_bytes(safetensors(w=("F32", [4])))
    sparse(tabagent.models / name, b'{"a": "')
    with tabagent.host() as host:
        last = host.result("load_model", model=str(tabagent.models / "model.safetensors"), timeout_s=LIMIT_S)
        assert last["error"]["code"] in REFUSED


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 60_000)),
        ("a.safetensors", struct.pack("<Q", 9_000_000) + b"{"),
        ("a.onnx", b"\x08\x07"),
        ("a.task", b"PK\x03\x04"),
        ("a.tflite", b"\x1c\0\0\0TFL3"),
        ("a.litertlm", b"LITERTLM"),
    ],
)
def test_f36_sparse_models(tabagent: Installation, name: str, head: bytes) -> None:
    sparse(tabagent.models / name, head)
    with tabagent.host() as host:
        last = host.result("load_model", model=str(tabagent.models / name), timeout_s=LIMIT_S)
        assert last["error"]["code"] in REFUSED


@pytest.mark.parametrize("kind", ["pipe", "device", "deep"])
def test_f36_places_of_other_programs(tabagent: Installation, kind: str) -> None:
    """A manifest of Ollama's and a reference of the hub's cache that cannot be read do not stop the list."""
    manifests = tabagent.root / "ollama/manifests/registry/library/llama"
    references = tabagent.root / "huggingface/hub/models--a--b/refs"
    for path in (manifests / "latest", references / "main"):
        path.parent.mkdir(parents=True)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        else:
            path.write_text("[" * 100_000)
    (references.parent / "snapshots" / ("a" * 40)).mkdir(parents=True)
    (tabagent.models / "a.gguf").write_bytes(chaos_file({}))
    with tabagent.host() as host:
        assert listed(host) == {"a"}
