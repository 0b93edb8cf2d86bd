"""Files that are no models, or were."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import tabagent_model
from tabagent_model import (
    CorruptModel,
    InsufficientMemory,
    LibraryLoadError,
    LoadFailed,
    ModelError,
    ModelNotFound,
    NotGguf,
    PyModel,
    UnknownArchitecture,
)


def test_a_header_is_read_without_loading(model_path: Path) -> None:
    info = tabagent_model.read_gguf(model_path)
    assert (info.architecture, info.quantisation, info.version) == ("llama", "Q4_1", 3)
    assert (info.context_length, info.embedding_length, info.block_count) == (8192, 576, 30)
    assert (info.head_count, info.head_count_kv, info.key_length, info.value_length) == (9, 3, 64, 64)
    assert info.vocab_size == 49152
    assert info.file_size == model_path.stat().st_size
    assert len(info.chat_template_hash or "") == 64


def test_memory_is_estimated(model_path: Path) -> None:
    small = tabagent_model.estimate_memory(model_path, 256)
    large = tabagent_model.estimate_memory(str(model_path), 8192)
    kv_bytes_per_token = 30 * 3 * (64 + 64) * 2
    assert large - small >= (8192 - 256) * kv_bytes_per_token
    assert model_path.stat().st_size < small < large == tabagent_model.estimate_memory(model_path)


def make_files(folder: Path, model_path: Path) -> dict[str, tuple[Path, type[ModelError]]]:
    data = model_path.read_bytes()
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    contents: dict[str, tuple[bytes, type[ModelError]]] = {
        "empty": (b"", NotGguf),
        "short": (b"GG", NotGguf),
        "text": (b"<!DOCTYPE html><title>404</title>", NotGguf),
        "version": (b"GGUF" + struct.pack("<I", 99) + data[8:200], NotGguf),
        "magic only": (b"GGUF", CorruptModel),
        "header cut": (data[:5000], CorruptModel),
        "tensors cut": (data[: len(data) // 2], CorruptModel),
        "last byte cut": (data[:-64], CorruptModel),
        "values bomb": (data[:16] + struct.pack("<Q", 2**63) + data[24:100], CorruptModel),
        "string bomb": (data[:24] + struct.pack("<Q", 2**62) + data[32:100], CorruptModel),
    }
    files: dict[str, tuple[Path, type[ModelError]]] = {
        "missing": (folder / "missing.gguf", ModelNotFound),
        "directory": (folder, NotGguf),
        "fifo": (fifo, NotGguf),
    }
    for name, (content, error) in contents.items():
        path = folder / f"{name}.gguf"
        path.write_bytes(content)
        files[name] = (path, error)
    return files


def test_wrong_files_are_named_quickly(library: str, model_path: Path, tmp_path: Path) -> None:
    for name, (path, error) in make_files(tmp_path, model_path).items():
        for use in (tabagent_model.read_gguf, lambda path: PyModel().load(library, path)):
            began = time.monotonic()
            with pytest.raises(ModelError) as raised:
                use(path)
            assert type(raised.value) is error, name
            assert raised.value.path == str(path)
            assert time.monotonic() - began < 5, name


def test_not_found_is_also_what_python_calls_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no model at .*x\.gguf"):
        tabagent_model.read_gguf(tmp_path / "x.gguf")


def test_an_unknown_architecture_is_named(library: str, patched: Callable[[bytes, bytes], Path]) -> None:
    path = patched(b"llama", b"lambd")
    assert tabagent_model.read_gguf(path).architecture == "lambd"
    with pytest.raises(UnknownArchitecture, match="lambd") as raised:
        PyModel().load(library, path)
    assert raised.value.details == {"architecture": "lambd"}


def test_a_context_that_does_not_fit_is_refused(library: str, patched: Callable[[bytes, bytes], Path]) -> None:
    key, value = b"llama.context_length" + struct.pack("<I", 4), struct.pack("<I", 8192)
    path = patched(key + value, key + struct.pack("<I", 2**31 - 1))
    with pytest.raises(InsufficientMemory) as raised:
        PyModel().load(library, path, context_length=2**31 - 1)
    details = raised.value.details
    assert details["needed_bytes"] > details["available_bytes"] > 0


def test_libraries_that_are_none(library: str, model_path: Path, tmp_path: Path) -> None:
    nonsense = tmp_path / "libggml-cpu-x64.so"
    nonsense.write_bytes(b"not a library")
    for path in (tmp_path / "missing.so", tmp_path, nonsense):
        with pytest.raises(LibraryLoadError) as raised:
            PyModel().load(path, model_path)
        assert raised.value.path == str(path)


def test_one_module_per_process(model: PyModel, library: str, model_path: Path) -> None:
    other = tabagent_model.get_library("x64")
    assert other != library
    with pytest.raises(LibraryLoadError, match="already runs"):
        PyModel().load(other, model_path)


def test_a_second_load_is_refused(model: PyModel, library: str, model_path: Path) -> None:
    with pytest.raises(LoadFailed, match="already loaded"):
        model.load(library, model_path)
