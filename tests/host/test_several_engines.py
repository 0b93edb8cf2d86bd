"""The service as its callers know it: prefer an engine, fall back, ask what is loaded, unload, many at once."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

from tabagent_harness import HostProcess
from tabagent_weights import tiny_llama
from tests.support import Installation, eventually, processes

OPTIONS = {"max_tokens": 8, "temperature": 0, "context_length": 512}


def several(tabagent: Installation) -> dict[str, dict[str, Any]]:
    """Engine → fields of a request to it: Rust, Python, and a third party's; llama.cpp's twice."""
    return {
        "llama_cpp": {"model": str(tiny_llama.gguf("F32")), "engine": "llama_cpp"},
        "llama_cpp, another file": {"model": str(tiny_llama.gguf("Q8_0")), "engine": "llama_cpp"},
        "candle": {"model": str(tiny_llama.safetensors()), "engine": "candle"},
        "onnxruntime": {"model": str(tiny_llama.onnx("int4")), "engine": "onnxruntime"},
        "chaos": tabagent.chaos_model("one"),
        "chaos, another file": tabagent.chaos_model("two"),
    }


def workers(host: HostProcess) -> dict[str, int]:
    """Model → process."""
    return {model["model"]: model["pid"] for model in host.result("status")["result"]["models"]}


def alive(pids: set[int]) -> set[int]:
    return pids & {process.pid for process in processes()}


def test_many_models_on_several_engines_at_once(tabagent: Installation) -> None:
    """They load side by side and answer side by side; what ends one leaves the others as they are."""
    models = several(tabagent)
    with tabagent.host() as host:
        for prompts in (["The sea is"] * 4 + ["{}"] * 2, ["Once upon a time"] * 4 + ['{"tokens": 3}'] * 2):
            asked = [
                host.send("generate", prompt=prompt, **fields, options=OPTIONS)
                for fields, prompt in zip(models.values(), prompts, strict=True)
            ]
            answers = [list(host.events(request))[-1] for request in asked]
            for fields, answer in zip(models.values(), answers, strict=True):
                assert answer["event"] == "done", answer
                assert (answer["result"]["engine"], answer["result"]["fallbacks"]) == (fields["engine"], [])
                assert answer["result"]["text"]
        pids = workers(host)
        assert len(set(pids.values())) == len(models), "a process each"
        assert alive(set(pids.values())) == set(pids.values())

        unloaded = host.result("unload_model", model=models["candle"]["model"])["result"]
        assert unloaded["unloaded"] is True
        gone = {pids.pop(unloaded["model"])}
        assert not alive(gone), "its memory is given back: the process is gone before the answer"
        assert workers(host) == pids

        os.kill(pids.pop("one"), signal.SIGKILL)
        eventually(lambda: workers(host) == pids)
        for name in ("llama_cpp", "onnxruntime", "chaos, another file"):
            assert host.result("generate", prompt="{}", **models[name], options=OPTIONS)["event"] == "done"
        assert workers(host) == pids, "the same processes as before"


def test_what_is_loaded(tabagent: Installation) -> None:
    names = [tabagent.chaos_model(name)["model"] for name in ("here", "there")]
    with tabagent.host() as host:

        def is_loaded() -> dict[str, bool]:
            listed = host.result("list_models")["result"]["models"]
            return {entry["name"]: entry["loaded"] for entry in listed if entry["name"] in names}

        assert is_loaded() == {"here": False, "there": False}
        host.result("load_model", model="here", engine="chaos")
        assert is_loaded() == {"here": True, "there": False}
        host.result("load_model", model="there", engine="chaos")
        host.result("unload_model", model="here")
        assert is_loaded() == {"here": False, "there": True}
        slow = tabagent.chaos_model("slow", interval_ms=200)
        loading = host.send("load_model", **slow)
        assert next(host.events(loading))["stage"] == "loading"
        (state,) = [it["state"] for it in host.result("status")["result"]["models"] if it["model"] == "slow"]
        listed = host.result("list_models")["result"]["models"]
        assert (state, [it["loaded"] for it in listed if it["name"] == "slow"]) == ("loading", [False])
        assert list(host.events(loading))[-1]["event"] == "done"


def test_the_preferred_engine_or_none(tabagent: Installation) -> None:
    """A name is a word to keep: nothing else serves instead, unless ``fallback`` says so."""
    model = str(tiny_llama.gguf("F32"))
    with tabagent.host() as host:
        for engine in ("candle", "llama_cpp"):
            result = host.result("load_model", model=model, engine=engine, options={"context_length": 512})["result"]
            assert (result["engine"], result["already_loaded"]) == (engine, False)
        assert host.result("load_model", model=model)["result"]["engine"] == "llama_cpp"
        refused = host.result("load_model", model=model, engine="transformers")["error"]
        assert refused["code"] == "unsupported_format"
        assert len(workers(host)) == 1, "one engine has it at a time"
        damaged = tabagent.chaos_model("damaged", fault="error")["model"]
        assert host.result("load_model", model=damaged, engine="chaos")["event"] == "error"
        last = host.result("load_model", model=damaged, engine="fallback")["error"]
        assert last["code"] == "generation_failed", "the last one's reason, when none does it"


def test_without_a_model_it_is_said_where_to_find_one(tabagent: Installation) -> None:
    with tabagent.host() as host:
        for action, more in {"generate": {"prompt": "x"}, "load_model": {}, "unload_model": {}}.items():
            error = host.result(action, **more)["error"]
            assert (error["code"], error["details"]) == ("bad_param", {"path": "model"})
            assert "list_models" in error["message"]
            assert "default" in error["message"]
            error = host.result(action, model="nope", **more)["error"]
            assert (error["code"], error["details"]) == ("model_not_found", {"model": "nope"})
            assert "listed" in error["message"]
        assert host.result("generate", model="", prompt="x")["error"]["code"] == "bad_param"
        tabagent.chaos_model("there")
        unloaded = host.result("generate", model="there", engine="chaos", prompt=json.dumps({"tokens": 1}))
        assert unloaded["event"] == "done", "a model that is not loaded yet is loaded"
