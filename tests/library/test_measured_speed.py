"""Engines in the order of what was measured: when it counts, and what makes it worthless."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from backends.registry import descriptors, version
from native_host.core.engine_ranking import EngineRanking
from native_host.core.machine import Machine
from native_host.core.measured_speed import KEPT, Conditions, Speed, SpeedFile, fingerprint, typical_ms
from native_host.core.model_detection import ModelDetection
from native_host.protocol.messages.requests import LoadOptions
from native_host.settings import load_settings
from tests.made_models import gguf
from tests.support import Installation

ENGINES = {engine.name: engine for engine in descriptors()}
FAST, SLOW = (1000.0, 100.0), (10.0, 1.0)


class Measured:
    """An installation with a GGUF file that llama.cpp comes first for, and that candle and chaos take too."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.settings = load_settings(environ=installation.environ)
        self.file = self.settings.cache_dir / "speeds.json"
        self.name = "m"
        self.path = installation.models / "m.gguf"
        weights = [("token_embd.weight", [8, 4], 0, bytes(128))]
        self.path.write_bytes(gguf(weights, general__architecture="llama", llama__context_length=4096))
        self.ranking = EngineRanking(self.settings, Machine(), list(ENGINES.values()))

    def record(self, engine: str, rates: tuple[float, float], **options: Any) -> bool:
        async def look_and_record() -> bool:
            asked = LoadOptions(**options)
            facts = await ModelDetection(self.settings, list(ENGINES.values())).of_file(
                str(self.path), asked.context_length
            )
            return await self.ranking.record(facts, asked, ENGINES[engine], rates, 1.0)

        return asyncio.run(look_and_record())

    def order(self, **options: Any) -> list[str]:
        with self.installation.host() as host:
            facts = host.result("detect_model", model=self.name, options=options)["result"]
        places = [place for it in (facts["backend"], *facts["alternatives"]) for place in it.values()]
        return [place["engine"] for place in places if not place["obstacles"]]


@pytest.fixture
def measured(tabagent: Installation) -> Measured:
    return Measured(tabagent)


def test_the_fastest_comes_first(measured: Measured) -> None:
    by_rust = measured.order()
    assert by_rust[0] == "llama_cpp"
    measured.record("llama_cpp", SLOW)
    measured.record("candle", FAST)
    assert measured.order() == ["candle", *(name for name in by_rust if name != "candle")]
    with measured.installation.host() as host:
        facts = host.result("detect_model", model=measured.name)["result"]
        took = typical_ms(*FAST) / 1000
        assert f"512 tokens read and 128 written in {took:.2f} s" in facts["backend"]["Rust"]["reason"]
        assert "measured here" in facts["alternatives"][0]["Rust"]["reason"]


def test_one_that_can_do_less_overtakes_nobody(measured: Measured) -> None:
    """``auto`` would lose tools and grammars by it."""
    by_rust = measured.order()
    assert "chaos" in by_rust
    assert "tools" not in ENGINES["chaos"].capabilities
    measured.record("llama_cpp", SLOW)
    measured.record("chaos", FAST)
    assert measured.order() == by_rust
    measured.record("candle", (20.0, 2.0))
    assert measured.order()[0] == "candle"


def test_a_slower_one_stays_behind(measured: Measured) -> None:
    by_rust = measured.order()
    measured.record("llama_cpp", FAST)
    for rates in (SLOW, FAST, (FAST[0] * 1.05, FAST[1] * 1.05)):
        measured.record("candle", rates)
        assert measured.order() == by_rust, "as fast is not faster, and a little is chance"


def test_what_was_not_compared_with_the_first_keeps_its_place(measured: Measured) -> None:
    by_rust = measured.order()
    measured.record("candle", FAST)
    assert measured.order() == by_rust


@pytest.mark.parametrize("change", ["bytes", "engine", "machine", "context", "dtype", "device", "gpu_layers"])
def test_what_was_measured_otherwise_does_not_count(measured: Measured, change: str) -> None:
    by_rust = measured.order()
    measured.record("llama_cpp", SLOW)
    measured.record("candle", FAST)
    options: dict[str, Any] = {}
    content = json.loads(measured.file.read_text())
    match change:
        case "bytes":
            measured.path.write_bytes(measured.path.read_bytes())
        case "engine":
            for speed in content["speeds"]:
                speed["engine_version"] += ".post1"
        case "machine":
            for speed in content["speeds"]:
                speed["conditions"]["machine"] = "another"
        case "context":
            options = {"context_length": 64}
        case "dtype":
            options = {"dtype": "float32"}
        case "device":
            options = {"device": "cpu"}
        case "gpu_layers":
            options = {"gpu_layers": 3}
    measured.file.write_text(json.dumps(content))
    assert measured.order(**options) == by_rust
    measured.record("llama_cpp", SLOW, **options)
    measured.record("candle", FAST, **options)
    assert measured.order(**options)[0] == "candle"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"version": 2, "speeds": []}',
        b'{"version": 1, "speeds": [{"engine": "chaos"}]}',
        b'{"version": 1, "speeds": [' * 10_000,
    ],
    ids=["empty", "cut", "no text", "a list", "of another version", "half an entry", "deep"],
)
def test_a_damaged_file_is_ignored_and_replaced(measured: Measured, content: bytes) -> None:
    by_rust = measured.order()
    measured.file.parent.mkdir(parents=True, exist_ok=True)
    measured.file.write_bytes(content)
    assert measured.order() == by_rust
    assert "measured speeds are ignored" in measured.installation.log()
    measured.record("llama_cpp", SLOW)
    measured.record("candle", FAST)
    assert measured.order()[0] == "candle"


@pytest.mark.parametrize("number", ["NaN", "0", "-1", "Infinity", '"100"', "1e999"])
def test_rates_that_are_none(measured: Measured, number: str) -> None:
    measured.record("llama_cpp", SLOW)
    measured.record("candle", FAST)
    text = measured.file.read_text()
    assert "1000.0" in text
    measured.file.write_text(text.replace("1000.0", number))
    assert measured.order()[0] == "llama_cpp"


def test_a_file_that_cannot_be_written_costs_nothing_but_itself(measured: Measured) -> None:
    measured.file.parent.mkdir(parents=True, exist_ok=True)
    measured.file.mkdir()
    assert not measured.record("candle", FAST)
    assert [path.name for path in measured.file.parent.iterdir()] == ["speeds.json"], "nothing is left behind"
    assert measured.order()[0] == "llama_cpp"


def test_a_newer_measurement_replaces_and_old_ones_go(tmp_path: Path) -> None:
    file = SpeedFile(tmp_path / "deep" / "speeds.json")

    def speed(model: int, decode: float) -> Speed:
        conditions = Conditions(
            model=str(model), machine="m", context_length=None, device="auto", dtype="auto", gpu_layers=0
        )
        return Speed(
            conditions=conditions,
            engine="e",
            engine_version="1",
            prefill_tokens_per_second=1.0,
            decode_tokens_per_second=decode,
            load_ms=1.0,
            measured_at="2026-01-01T00:00:00+00:00",
        )

    for decode in (1.0, 2.0):
        file.record(speed(0, decode))
    assert [it.decode_tokens_per_second for it in file.of(speed(0, 1.0).conditions)] == [2.0]
    written = json.loads((tmp_path / "deep" / "speeds.json").read_text())
    written["speeds"] = [speed(number, 1.0).model_dump() for number in range(KEPT)]
    (tmp_path / "deep" / "speeds.json").write_text(json.dumps(written))
    file.record(speed(KEPT, 1.0))
    assert not file.knows("0")
    assert file.knows("1")
    assert file.knows(str(KEPT))


def test_a_fingerprint_is_of_every_file(tmp_path: Path) -> None:
    files = ["onnx/model.onnx", "config.json"]
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    facts: Any = {"path": str(tmp_path / files[0]), "files": [{"path": name} for name in files]}
    seen = {fingerprint(facts)}
    for name in files:
        (tmp_path / name).write_text(f"{name}, changed")
        seen.add(fingerprint(facts))
        at = (tmp_path / name).stat()
        os.utime(tmp_path / name, ns=(at.st_atime_ns, at.st_mtime_ns + 1))
        seen.add(fingerprint(facts))
    assert len(seen) == 5
    assert None not in seen
    assert fingerprint(facts) in seen
    shutil.move(tmp_path / files[1], tmp_path / "elsewhere.json")
    assert fingerprint(facts) is None
    assert fingerprint({**facts, "path": None}) is None


def test_versions_name_what_an_engine_is_made_of() -> None:
    assert {part.split()[0] for part in version(ENGINES["llama_cpp"]).split(", ")} == {"tabagent", "tabagent_model"}
    assert {"torch", "transformers"} <= {part.split()[0] for part in version(ENGINES["transformers"]).split(", ")}
    assert version(ENGINES["chaos"]).startswith("tabagent-chaos ")
