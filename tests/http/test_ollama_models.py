"""Ollama's lists of models are filled from the files."""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime
from typing import Any

import pytest

from native_host.core.model_library.gguf_metadata import read_metadata
from tabagent_harness.http_process import HttpProcess
from tests.support import MODEL

OLDEST = (0, 6, 4)
"""Of Ollama's versions, the oldest that GitHub Copilot takes."""


def test_h14_the_version_is_one_that_clients_take(talking: HttpProcess) -> None:
    version = talking.client.get("/api/version").json()["version"]
    assert tuple(map(int, version.split("."))) >= OLDEST


def test_p7_tags_are_filled_from_the_file(talking: HttpProcess) -> None:
    (entry,) = [entry for entry in talking.client.get("/api/tags").json()["models"] if entry["name"] == MODEL]
    listed = {model["name"]: model for model in talking.post("/tabagent/v1/list_models").json()["models"]}[MODEL]
    assert (entry["details"]["family"], entry["details"]["parameter_size"]) == ("llama", "134.52M")
    assert entry["details"]["quantization_level"] == listed["quantisation"]
    assert entry["size"] == os.stat(listed["path"]).st_size
    changed = datetime.fromtimestamp(os.stat(listed["path"]).st_mtime, UTC)
    assert datetime.fromisoformat(entry["modified_at"]) == changed


def test_p7_h14_show_has_what_the_file_says(talking: HttpProcess) -> None:
    shown = talking.post("/api/show", model=MODEL).json()
    assert "<|im_start|>" in shown["template"]
    assert f"FROM {MODEL}\n" in shown["modelfile"]
    assert shown["template"] in shown["modelfile"]
    assert "temperature" in shown["parameters"]
    assert datetime.fromisoformat(shown["modified_at"]).year >= 2020
    info = shown["model_info"]
    assert info["general.architecture"] == "llama"
    assert info["general.basename"]
    assert info["llama.context_length"] == 8192
    assert info["llama.block_count"] == 30
    assert info["tokenizer.ggml.tokens"] is None
    verbose = talking.post("/api/show", model=MODEL, verbose=True).json()["model_info"]
    assert len(verbose["tokenizer.ggml.tokens"]) == 49152
    assert verbose.keys() == info.keys()


def _text(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def _file(*pairs: bytes, keys: int | None = None) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs) if keys is None else keys) + b"".join(pairs)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF",
        b"GGML" + bytes(99),
        _file(keys=2**63),
        _file(_text(b"a"), keys=1),
        _file(struct.pack("<Q", 2**63) + b"a", keys=1),
        _file(_text(b"a") + struct.pack("<I", 77)),
        _file(_text(b"a") + struct.pack("<IIQ", 9, 8, 2**62)),
        _file(_text(b"a") + struct.pack("<IIQ", 9, 9, 1)),
        _file(_text(b"a") + struct.pack("<IIQ", 9, 4, 1000)),
    ],
)
def test_p7_damaged_metadata_is_an_error(tmp_path: Any, content: bytes) -> None:
    (tmp_path / "x.gguf").write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_metadata(tmp_path / "x.gguf")


def test_p7_metadata_that_json_has_not(tmp_path: Any) -> None:
    pairs = (
        _text(b"nan") + struct.pack("<If", 6, float("nan")),
        _text(b"\xff") + struct.pack("<I", 8) + _text(b"\xff"),
    )
    (tmp_path / "x.gguf").write_bytes(_file(*pairs))
    assert read_metadata(tmp_path / "x.gguf") == {"nan": None, "\ufffd": "\ufffd"}
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="regular"):
        read_metadata(tmp_path / "pipe")
