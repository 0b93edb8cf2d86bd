"""Row S4: nothing that a model's files say makes the broker take memory or die."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path

import pytest
import tabagent_model
from tabagent_model import _detection

from tabagent_harness import HostProcess
from tests.pickled_models import archive
from tests.support import Installation, named, peak_rss

MIB = 1 << 20
GROWTH = 96 * MIB


def _archived(pickle: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as entries:
        entries.writestr("model/data.pkl", pickle)
    return file.getvalue()


def _text(text: bytes) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text


PICKLES = {
    "a key of 64 KiB, recalled 50,000 times": b"\x80\x02" + _text(b"k" * 65_000) + b"q\0}(" + b"h\0N" * 50_000 + b"u.",
    "two million tuples": b"\x80\x02](" + b")" * 1_999_000 + b"e.",
    "a million things to remember": b"\x80\x02N" + b"\x94" * 1_900_000 + b".",
    "lists of one list": b"\x80\x02]q\0(" + b"h\0" * 900_000 + b"e.",
}
"""Some hundred kilobytes or megabytes each; one made 3.2 GB of 266 KB."""


def _many_entries() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as entries:
        entries.writestr("model/data.pkl", b"\x80\x02}.")
        for number in range(150_000):
            entries.writestr(f"model/data/{number}", b"")
    return file.getvalue()


@pytest.fixture
def host(tabagent: Installation) -> HostProcess:
    return tabagent.host()


def grown(tabagent: Installation, host: HostProcess, path: Path) -> int:
    """Return the bytes by which the broker's highest memory grows while it looks at a file."""
    host.result("hello")
    broker = named(tabagent, "native_host.broker").pid
    before = peak_rss(broker)
    answer = host.result("detect_model", model=str(path), options={"allow_pickle": True})
    assert answer["event"] == "error" or answer["result"]["obstacles"], answer
    if answer["event"] == "error":
        assert answer["error"]["code"] == "model_corrupt"
    assert named(tabagent, "native_host.broker").pid == broker
    return peak_rss(broker) - before


@pytest.mark.parametrize("kind", PICKLES)
def test_s4_pickles_that_make_much_of_little(tabagent: Installation, host: HostProcess, kind: str) -> None:
    with host:
        path = tabagent.models / "pytorch_model.bin"
        path.write_bytes(_archived(PICKLES[kind]))
        assert grown(tabagent, host, path) < GROWTH


def test_s4_an_archive_of_many_entries(tabagent: Installation, host: HostProcess) -> None:
    with host:
        path = tabagent.models / "pytorch_model.bin"
        path.write_bytes(_many_entries())
        assert grown(tabagent, host, path) < GROWTH


@pytest.mark.parametrize("piece", ["[],", "{},", '{"":0},', "0,"])
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_s4_json_that_makes_much_of_little(tabagent: Installation, host: HostProcess, piece: str, name: str) -> None:
    with host:
        folder = tabagent.models / "bomb"
        folder.mkdir()
        (folder / "pytorch_model.bin").write_bytes(archive({"w": ([2], [1.0, 2.0])}))
        (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
        size = 3 * MIB if name == "config.json" else 30 * MIB
        (folder / name).write_text(f'{{"normalizer": [{piece * (size // len(piece))}0]}}')
        host.result("hello")
        broker = named(tabagent, "native_host.broker").pid
        before = peak_rss(broker)
        answer = host.result("detect_model", model=str(folder))
        assert answer["event"] == "done"
        codes = {obstacle["code"] for obstacle in answer["result"]["obstacles"]}
        assert "model_corrupt" in codes or name == "config.json"
        assert peak_rss(broker) - before < GROWTH


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import os; os.abort()", "status -6"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "status -9"),
        ("import time; time.sleep(60)", "longer than"),
        ("print('no JSON')", "status 0"),
    ],
)
def test_s4_a_reader_that_dies_is_a_corrupt_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, reason: str
) -> None:
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(archive({"w": ([2], [1.0, 2.0])}))
    assert tabagent_model.detect_model(path, allow_pickle=True)["parameters"] == 2
    monkeypatch.setattr(_detection, "_PROGRAM", program)
    monkeypatch.setattr(_detection, "_LIMIT_S", 2.0)
    with pytest.raises(tabagent_model.CorruptModel, match=reason):
        tabagent_model.detect_model(path, allow_pickle=True)


def test_s4_the_readers_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(archive({"w": ([2], [1.0, 2.0])}))
    greedy = "import sys; sys.path.insert(0, sys.argv[1]); from tabagent_model import _reader; _reader._be_bounded(); "
    monkeypatch.setattr(_detection, "_PROGRAM", greedy + "bytearray(3 << 30)")
    with pytest.raises(tabagent_model.CorruptModel, match="status 1"):
        tabagent_model.detect_model(path, allow_pickle=True)
