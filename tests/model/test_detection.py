"""What a model is and what can run it, from files that tests make and real ones."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import tabagent_model
from tabagent_model import (
    CorruptModel,
    HubError,
    ModelError,
    ModelNotFound,
    ModelRefused,
    NotGguf,
    UnknownModel,
    WrongFormat,
    detect_model,
)

from tests.made_models import safetensors
from tests.support import best_of


def repository(folder: Path, *, auto_map: bool = False) -> Path:
    """A language model as the hub has them."""
    config: dict[str, Any] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "max_position_embeddings": 2048,
        "hidden_size": 64,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
    }
    if auto_map:
        config["auto_map"] = {"AutoModelForCausalLM": "evil.Model"}
        (folder / "evil.py").write_text(f"open({str(folder / 'canary')!r}, 'w')")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
    (folder / "model.safetensors").write_bytes(safetensors(weight=("BF16", [10, 10])))
    return folder


def engine_of(found: tabagent_model.ModelFacts) -> str | None:
    return next(iter(found["backend"].values()))["engine"] if found["backend"] else None


def test_a_real_gguf(model_path: Path) -> None:
    found = detect_model(model_path)
    assert found["model_type"] == "gguf"
    assert found["architecture"] == "llama"
    assert found["task"] == "text-generation"
    assert found["quantisation"] == "Q4_1"
    assert found["parameters"] == 134_515_008
    assert found["context_length"] == 8192
    assert found["chat_template"]
    assert found["license"] == "apache-2.0"
    assert found["size_bytes"] == model_path.stat().st_size
    assert found["backend"] is not None
    assert found["backend"]["Rust"]["engine"] == "llama_cpp"
    assert found["backend"]["Rust"]["obstacles"] == []
    assert found["memory"] is not None
    assert found["memory"]["total_bytes"] == tabagent_model.estimate_memory(model_path)


def test_content_is_believed_before_the_name(model_path: Path, tmp_path: Path) -> None:
    disguised = tmp_path / "picture.PNG"
    disguised.symlink_to(model_path)
    assert detect_model(disguised)["model_type"] == "gguf"
    (tmp_path / "model.gguf").write_bytes(safetensors(a=("F32", [2])))
    assert detect_model(tmp_path / "model.gguf")["model_type"] == "safetensors"
    (tmp_path / "page.gguf").write_text("<!DOCTYPE html>")
    with pytest.raises(NotGguf):
        detect_model(tmp_path / "page.gguf")


def test_a_folder_of_safetensors(tmp_path: Path) -> None:
    found = detect_model(repository(tmp_path))
    assert (found["model_type"], found["task"], found["license"]) == ("safetensors", "text-generation", "mit")
    assert (found["quantisation"], found["parameters"], found["context_length"]) == ("BF16", 100, 2048)
    assert found["chat_template"]
    assert [file["path"] for file in found["files"]] == ["model.safetensors", "config.json", "tokenizer_config.json"]
    places = [found["backend"], *found["alternatives"]]
    assert [engine for place in places if place for engine in [next(iter(place.values()))["engine"]]] == [
        "candle",
        "transformers",
    ]
    assert detect_model(tmp_path / "model.safetensors")["architecture"] == "llama"


def test_code_in_a_repository_is_refused_and_never_run(tmp_path: Path) -> None:
    found = detect_model(repository(tmp_path, auto_map=True))
    assert [obstacle["code"] for obstacle in found["obstacles"]] == ["remote_code_refused"]
    assert found["backend"] is not None
    assert next(iter(found["backend"].values()))["obstacles"]
    assert not (tmp_path / "canary").exists()


def test_pickles_are_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"\x80\x02cos\nsystem\nX\x05\x00\x00\x00falseR.")
    with zipfile.ZipFile(tmp_path / "model.pth", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
    for name in ("weights.pt", "model.pth"):
        found = detect_model(tmp_path / name)
        assert found["model_type"] == "pytorch"
        assert found["obstacles"][0]["code"] == "format_refused"
        assert "allow_pickle" in found["obstacles"][0]["message"]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("gemma.litertlm", b"LITERTLM" + bytes(56), "litertlm"),
        ("yamnet.tflite", b"\x1c\x00\x00\x00TFL3" + bytes(64), "tflite"),
        ("saved_model.pb", b"\x08\x01\x12\x00", "tensorflow"),
        ("notes.txt", b"hello", "unknown"),
    ],
)
def test_other_kinds(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    (tmp_path / name).write_bytes(content)
    found = detect_model(tmp_path / name)
    assert found["model_type"] == kind
    assert (found["backend"] is None) == (found["conversion"] is not None)


def test_engines_of_the_caller_decide(tmp_path: Path) -> None:
    repository(tmp_path)
    engine: tabagent_model.EngineFacts = {
        "name": "transformers",
        "language": "python",
        "formats": ["safetensors"],
        "tasks": [],
        "installed": True,
        "install_hint": "",
    }
    assert engine_of(detect_model(tmp_path, engines=[engine])) == "transformers"
    absent: tabagent_model.EngineFacts = {**engine, "installed": False, "install_hint": "fetch it"}
    found = detect_model(tmp_path, engines=[absent])
    messages = [
        obstacle["message"]
        for place in [found["backend"], *found["alternatives"]]
        if place
        for obstacle in next(iter(place.values()))["obstacles"]
    ]
    assert any("fetch it" in message for message in messages)


def test_memory_that_is_missing_is_said_with_what_fits(model_path: Path) -> None:
    found = detect_model(model_path, available_memory=300 << 20)
    assert found["backend"] is not None
    obstacle = next(iter(found["backend"].values()))["obstacles"][0]
    assert obstacle["code"] == "insufficient_memory"
    assert "context_length of" in obstacle["message"]


def test_a_file_of_seven_gigabytes_takes_milliseconds(model_path: Path, tmp_path: Path) -> None:
    """The header of a real model before a hole where other tensors would be."""
    large = tmp_path / "large.gguf"
    with large.open("wb") as file:
        file.write(model_path.read_bytes())
        file.truncate(7 << 30)

    def seconds() -> float:
        began = time.perf_counter()
        assert detect_model(large)["size_bytes"] == 7 << 30
        return time.perf_counter() - began

    assert best_of(seconds, 1) < 1, "reading the file takes longer"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (struct.pack("<Q", 2**63) + b"{", ModelError),
        (struct.pack("<Q", 10**8 + 1) + b"{" + bytes(200), ModelError),
        (safetensors(a=("F32", [4]))[:-1], CorruptModel),
        (safetensors(a=("F32", [4])) + b"x", CorruptModel),
        (struct.pack("<Q", 2) + b"[]", ModelError),
        (struct.pack("<Q", 8) + b'{"a\xff":1}', ModelError),
    ],
)
def test_t10_safetensors_abuse(tmp_path: Path, content: bytes, error: type[ModelError]) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(error):
        detect_model(tmp_path / "model.safetensors")


def test_bad_files_cost_neither_time_nor_memory(model_path: Path, tmp_path: Path) -> None:
    """In a process of its own, so that its highest memory can be told."""
    data = model_path.read_bytes()
    bad = {
        "bomb.gguf": data[:24] + struct.pack("<Q", 2**62) + data[32:100],
        "cut.gguf": data[: len(data) // 2],
        "huge.safetensors": struct.pack("<Q", 2**63) + b"{",
        "names.safetensors": struct.pack("<Q", 10_000_000) + b'{"' + b"x" * 9_999_998,
        "deep.onnx": b"\x08\x0a" + b"\x3a\x7f" * 60,
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    program = """
import resource, sys, time
from pathlib import Path
from tabagent_model import ModelError, detect_model
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sorted(Path(sys.argv[1]).iterdir()):
    seconds = []
    for _ in range(3):
        began = time.process_time()  # what it costs, whatever else the machine does
        try:
            facts = detect_model(path)
            assert facts["model_type"] in ("unknown", "onnx"), facts
        except ModelError:
            pass
        seconds.append(time.process_time() - began)
    assert min(seconds) < 0.1, path
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    grown = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(grown.stdout) < 64 * 1024


def test_places_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        detect_model(tmp_path / "missing.gguf")
    with pytest.raises(ModelNotFound):
        detect_model("missing.gguf")
    with pytest.raises(WrongFormat):
        detect_model(tmp_path)
    os.mkfifo(tmp_path / "fifo.gguf")
    with pytest.raises(ModelError):
        detect_model(tmp_path / "fifo.gguf")
    with pytest.raises(UnknownModel):
        detect_model("no model, only words")
    with pytest.raises(UnknownModel):
        detect_model("https://evil.test/a/b")


def test_a_hub_that_does_not_answer() -> None:
    with pytest.raises(HubError) as raised:
        detect_model("org/model", endpoint="http://127.0.0.1:9")
    assert raised.value.details["repository"] == "org/model"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b", "C:x"])
def test_t11_weights_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    entry = field(1, b"location") + field(2, name.encode())
    tensor = bytes([1 << 3, 2, 2 << 3, 1]) + field(13, entry)
    graph = field(5, tensor) + field(12, field(1, b"logits"))
    (tmp_path / "model.onnx").write_bytes(b"\x08\x0a" + field(7, graph))
    with pytest.raises(ModelRefused):
        detect_model(tmp_path / "model.onnx")
