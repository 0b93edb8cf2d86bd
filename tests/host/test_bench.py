"""``bench_model``: real engines on real weights, engines that fail, and those who leave."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from native_host.core.bench_workload import Workload, passage
from tabagent_weights import minilm, tiny_llama
from tests.support import Installation, eventually

SHORT = {"prompt_tokens": 64, "answer_tokens": 16, "repeats": 1}
ENDLESS = {"tokens": 100_000, "interval_ms": 5}


def engines(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["engine"] for entry in entries]


def speeds(tabagent: Installation) -> Path:
    return tabagent.root / "cache" / "speeds.json"


def loaded(tabagent: Installation) -> list[dict[str, Any]]:
    with tabagent.host() as host:
        found: list[dict[str, Any]] = host.result("status")["result"]["models"]
    return found


def test_engines_are_measured_one_after_the_other(tabagent: Installation) -> None:
    """One that cannot read the model is told, and the next goes on."""
    model = str(tiny_llama.gguf("Q8_0"))
    with tabagent.host() as host:
        events = list(host.ask("bench_model", model=model, **SHORT, timeout_s=100))
        result = events[-1]["result"]
        measured = result["measurements"]
        assert {"llama_cpp", "candle"} <= set(engines(measured))
        assert engines(result["failures"]) == ["chaos"]
        assert [it["request_ms"] for it in measured] == sorted(it["request_ms"] for it in measured)
        for speed in measured:
            assert 0.8 * 64 <= speed["prompt_tokens"] <= 1.2 * 64
            assert min(speed["prefill_tokens_per_second"], speed["decode_tokens_per_second"]) > 0
            took = 64 / speed["prefill_tokens_per_second"] + 16 / speed["decode_tokens_per_second"]
            assert speed["request_ms"] == pytest.approx(1000 * took)
            assert speed["load_ms"] > 0
            assert speed["memory_bytes"] > 5e6
            assert speed["recorded"] is False, "not the typical request"
        assert result["auto_engine"] == "llama_cpp"
        steps = [event for event in events if event.get("stage") == "measuring"]
        assert {event["engine"] for event in steps} == set(engines(measured)), "chaos did not come so far"
        assert [event["done"] for event in steps] == sorted(event["done"] for event in steps)
        assert {event["total"] for event in steps} == {2 * (len(measured) + 1)}
        assert not [event for event in events if event["event"] == "token"]
        eventually(lambda: loaded(tabagent) == [])
    assert not speeds(tabagent).exists()


def test_what_is_measured_is_what_auto_takes(tabagent: Installation) -> None:
    """Two engines of one wheel have the same version: what one did counts for the other, if the file says so."""
    path = tabagent.models / "m.gguf"
    shutil.copy(tiny_llama.gguf("Q8_0"), path)
    with tabagent.host() as host:
        result = host.result("bench_model", model="m", engine="llama_cpp", repeats=1)["result"]
        (speed,) = result["measurements"]
        assert (speed["engine"], speed["recorded"], result["auto_engine"]) == ("llama_cpp", True, "llama_cpp")
        content = json.loads(speeds(tabagent).read_text())
        (kept,) = content["speeds"]
        assert kept["decode_tokens_per_second"] == pytest.approx(speed["decode_tokens_per_second"])
        rates = ("prefill_tokens_per_second", "decode_tokens_per_second")
        rival = {**kept, "engine": "candle", **{rate: 2 * kept[rate] for rate in rates}}
        speeds(tabagent).write_text(json.dumps({**content, "speeds": [kept, rival]}))
        for asked, taken in {"llama_cpp": "llama_cpp", "auto": "candle", "fallback": "candle"}.items():
            host.result("unload_model", model="m")
            assert host.result("load_model", model="m", engine=asked)["result"]["engine"] == taken


def test_a_failing_engine_is_reported_with_its_reason(tabagent: Installation) -> None:
    model = tabagent.chaos_model(answer={"fault": "abort"})["model"]
    with tabagent.host() as host:
        result = host.result("bench_model", model=model, **SHORT, timeout_s=60)["result"]
    reasons = {it["engine"]: it["code"] for it in result["failures"]}
    assert reasons["chaos"] == "engine_crashed"
    assert reasons["llama_cpp"] == "unsupported_architecture"
    assert result["measurements"] == []


def test_an_answer_that_ends_at_once_tells_no_speed(tabagent: Installation) -> None:
    model = tabagent.chaos_model(answer={"tokens": 2})
    with tabagent.host() as host:
        (failure,) = host.result("bench_model", **model, **SHORT)["result"]["failures"]
    assert failure["code"] == "generation_failed"
    assert "after 2 tokens" in failure["message"]


def test_one_who_leaves_ends_it_and_the_model_goes(tabagent: Installation) -> None:
    model = tabagent.chaos_model(answer=ENDLESS)
    with tabagent.host() as host:
        request = host.send("bench_model", **model, **SHORT)
        next(event for event in host.events(request) if event.get("stage") == "measuring")
        host.result("cancel", target=request)
        assert list(host.events(request))[-1]["event"] == "cancelled"
        eventually(lambda: loaded(tabagent) == [])
        quick = {**tabagent.chaos_model("quick"), **SHORT}
        assert engines(host.result("bench_model", **quick)["result"]["measurements"]) == ["chaos"], "nothing is stuck"


def test_nothing_is_measured_beside_other_work(tabagent: Installation) -> None:
    quick = {**tabagent.chaos_model("quick"), **SHORT}
    with tabagent.host() as host:
        answering = host.send("generate", prompt=json.dumps(ENDLESS), **tabagent.chaos_model("busy"))
        next(event for event in host.events(answering) if event["event"] == "token")
        assert host.result("bench_model", **quick)["error"]["code"] == "busy"
        host.result("cancel", target=answering)
        eventually(lambda: host.result("bench_model", **quick)["event"] == "done")
        benching = host.send("bench_model", **tabagent.chaos_model("slow", answer=ENDLESS), **SHORT)
        next(event for event in host.events(benching) if event.get("stage") == "measuring")
        assert host.result("bench_model", **quick)["error"]["code"] == "busy"


def test_a_loaded_model_is_measured_as_asked(tabagent: Installation) -> None:
    """One that is loaded otherwise makes way."""
    model = tabagent.chaos_model()
    with tabagent.host() as host:
        host.result("load_model", **model, options={"mlock": True})
        (before,) = loaded(tabagent)
        events = list(host.ask("bench_model", **model, **SHORT))
        assert engines(events[-1]["result"]["measurements"]) == ["chaos"]
        assert any(event.get("stage") == "loading" and event["engine"] == "chaos" for event in events), "loaded anew"
        assert before["pid"] not in [it["pid"] for it in loaded(tabagent)]


def test_what_cannot_be_measured(tabagent: Installation) -> None:
    with tabagent.host() as host:
        for fields, code in [
            ({"model": "nope"}, "model_not_found"),
            ({"model": "smollm2-135m", "engine": "warp"}, "engine_unavailable"),
            ({"model": "smollm2-135m", "repeats": 0}, "bad_param"),
            ({"model": "smollm2-135m", "prompt_tokens": 1}, "bad_param"),
            ({"model": "smollm2-135m", "answer_tokens": 10**6}, "bad_param"),
        ]:
            assert host.result("bench_model", **fields)["error"]["code"] == code
        embedder = {"model": str(minilm.onnx_float()), "engine": "onnxruntime"}
        (failure,) = host.result("bench_model", **embedder, **SHORT)["result"]["failures"]
        assert failure["code"] == "unsupported_task"


def test_prompts_fit_and_begin_differently() -> None:
    assert Workload(512, 128, 3).fitting(None).prompt_tokens == 512
    assert Workload(512, 128, 3).fitting(8192).prompt_tokens == 512
    small = Workload(512, 128, 3).fitting(256)
    assert small.prompt_tokens + small.answer_tokens <= 256
    pages = [passage(number, 2000) for number in range(20)]
    assert len({page[:3] for page in pages}) == 20
    assert all(1990 <= len(page) <= 2000 for page in pages)
