"""Models in memory: shared loads, keep-alive, eviction, unload; with an engine that costs nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest

from tabagent_harness import HostProcess
from tests.pickled_models import evil
from tests.support import Installation, best_of, eventually

ENDLESS = json.dumps({"tokens": 100_000, "interval_ms": 5})


def loaded(host: HostProcess) -> dict[str, dict[str, object]]:
    return {model["model"]: model for model in host.result("status")["result"]["models"]}


def test_a_model_loads_on_first_use_and_stays(tabagent: Installation) -> None:
    model = tabagent.chaos_model(interval_ms=20)
    with tabagent.host() as host:
        assert loaded(host) == {}
        events = list(host.ask("generate", prompt="{}", **model))
        stages = [event["stage"] for event in events if event["event"] == "progress"]
        assert "loading" in stages
        first_ms = events[-1]["result"]["timings"]["load_ms"]
        assert first_ms >= 100
        pid = loaded(host)["chaos"]["pid"]

        def load_ms() -> float:
            timings = host.result("generate", prompt="{}", **model)["result"]["timings"]
            return float(timings["load_ms"])

        assert best_of(load_ms, 100) < 100
        assert loaded(host)["chaos"]["pid"] == pid
        entry = next(m for m in host.result("list_models")["result"]["models"] if m["name"] == "chaos")
        assert entry["loaded"] is True


def test_load_says_whether_it_was_loaded_already(host: HostProcess, shared: Installation) -> None:
    fields = shared.chaos_model("twice")
    results = [host.result("load_model", **fields)["result"]["already_loaded"] for _ in range(2)]
    assert results == [False, True]


def test_eight_clients_that_want_a_model_share_one_load(tabagent: Installation) -> None:
    model = tabagent.chaos_model(interval_ms=100)
    pids: list[object] = []

    def use() -> None:
        with tabagent.host() as host:
            assert host.result("generate", prompt='{"tokens": 1}', **model)["event"] == "done"
            pids.append(loaded(host)["chaos"]["pid"])

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 8
    assert len(set(pids)) == 1


def test_one_waiter_less_does_not_end_the_load_of_the_others(tabagent: Installation) -> None:
    model = tabagent.chaos_model(interval_ms=150)
    with tabagent.host() as one, tabagent.host() as two:
        first = one.send("generate", prompt="{}", **model)
        eventually(lambda: loaded(two))
        second = two.send("generate", prompt="{}", **model)
        one.result("cancel", target=first)
        assert list(one.events(first))[-1]["event"] == "cancelled"
        assert list(two.events(second))[-1]["event"] == "done"


def test_an_idle_model_is_unloaded_after_its_keep_alive(install: Callable[..., Installation]) -> None:
    tabagent = install(keep_alive_s=0.4)
    with tabagent.host() as host:
        host.result("generate", prompt="{}", **tabagent.chaos_model())
        assert loaded(host)["chaos"]["expires_in_s"] <= 0.4
        eventually(lambda: loaded(host) == {}, timeout_s=15)


def test_keep_alive_is_settable_per_request(tabagent: Installation) -> None:
    with tabagent.host() as host:
        kept = tabagent.chaos_model("kept")
        host.result("generate", prompt="{}", **kept, options={"keep_alive": -1})
        assert loaded(host)["kept"]["expires_in_s"] is None
        gone = tabagent.chaos_model("gone")
        host.result("generate", prompt="{}", **gone, options={"keep_alive": 0})
        eventually(lambda: set(loaded(host)) == {"kept"}, timeout_s=15)


def test_a_busy_model_outlives_its_keep_alive(install: Callable[..., Installation]) -> None:
    tabagent = install(keep_alive_s=0.1)
    with tabagent.host() as host:
        prompt = json.dumps({"tokens": 50, "interval_ms": 20})
        assert host.result("generate", prompt=prompt, **tabagent.chaos_model())["event"] == "done"


def test_the_least_recently_used_idle_model_goes_when_memory_would_not_suffice(
    install: Callable[..., Installation],
) -> None:
    tabagent = install(memory_limit_mb=700)  # each is said to need some 600 MiB; a worker takes some 20 MiB
    with tabagent.host() as host:
        for name in ("a", "b", "c"):
            host.result("generate", prompt="{}", **tabagent.chaos_model(name))
        assert set(loaded(host)) == {"a", "b", "c"}
        host.result("generate", prompt="{}", **tabagent.chaos_model("a"))
        for name in ("d", "e", "f", "g"):
            host.result("generate", prompt="{}", **tabagent.chaos_model(name))
            if "b" not in loaded(host):
                break
        assert "b" not in loaded(host)
        assert "a" in loaded(host)


def test_a_model_that_cannot_fit_is_refused_with_the_numbers(install: Callable[..., Installation]) -> None:
    tabagent = install(memory_limit_mb=100)
    with tabagent.host() as host:
        error = host.result("generate", prompt="{}", **tabagent.chaos_model())["error"]
        assert error["code"] == "insufficient_memory"
        assert error["details"]["needed_bytes"] > error["details"]["available_bytes"]
        assert loaded(host) == {}


def test_unload_ends_what_runs_and_the_process(tabagent: Installation) -> None:
    with tabagent.host() as host:
        running = host.send("generate", prompt=ENDLESS, **tabagent.chaos_model())
        next(event for event in host.events(running) if event["event"] == "token")
        assert host.result("unload_model", model="chaos")["result"] == {"model": "chaos", "unloaded": True}
        assert list(host.events(running))[-1]["error"]["code"] == "model_unloaded"
        assert loaded(host) == {}
        assert host.result("unload_model", model="chaos")["result"] == {"model": "chaos", "unloaded": False}


def test_other_options_reload_an_idle_model_and_refuse_a_busy_one(tabagent: Installation) -> None:
    model = tabagent.chaos_model()
    with tabagent.host() as host:
        host.result("load_model", **model)
        before = loaded(host)["chaos"]["pid"]
        host.result("load_model", **model, options={"mlock": True})
        assert loaded(host)["chaos"]["pid"] != before
        running = host.send("generate", prompt=ENDLESS, **model)
        next(event for event in host.events(running) if event["event"] == "token")
        assert host.result("load_model", **model, options={"mlock": False})["error"]["code"] == "busy"


@pytest.mark.parametrize("name", ["nope", "../../etc/passwd", "/nonexistent.gguf", "a\0b", "https://example.org/x"])
def test_models_that_are_not_there(host: HostProcess, name: str) -> None:
    assert host.result("generate", model=name, prompt="x")["error"]["code"] == "model_not_found"


def test_an_engine_that_is_not_there(host: HostProcess, shared: Installation) -> None:
    fields = {**shared.chaos_model("x"), "engine": "warp"}
    assert host.result("generate", prompt="{}", **fields)["error"]["code"] == "engine_unavailable"


def test_the_next_engine_when_one_does_not_load_it(tabagent: Installation) -> None:
    """llama.cpp comes first for GGUF and knows no architecture "chaos"."""
    model = tabagent.chaos_model()["model"]
    with tabagent.host() as host:
        refused = host.result("load_model", model=model)["error"]
        assert refused["code"] == "unsupported_architecture"
        answer = host.result("generate", model=model, engine="fallback", prompt='{"tokens": 1}')
        assert answer["event"] == "done", answer
        result = answer["result"]
        assert result["engine"] == "chaos"
        tried = [it["engine"] for it in result["fallbacks"]]
        assert tried[0] == "llama_cpp"
        assert "chaos" not in tried
        assert {it["code"] for it in result["fallbacks"]} == {"unsupported_architecture"}
        for engine in ("auto", "fallback"):
            again = host.result("generate", model=model, engine=engine, prompt='{"tokens": 1}')["result"]
            assert (again["engine"], again["fallbacks"]) == ("chaos", []), "this request tried nothing else"
        loaded = host.result("load_model", model=model, engine="fallback")["result"]
        assert (loaded["already_loaded"], loaded["fallbacks"]) == (True, [])


def test_what_a_model_is(host: HostProcess, shared: Installation) -> None:
    shared.chaos_model("looked-at")
    for name in ("looked-at", str(shared.models / "looked-at.gguf")):
        facts = host.result("detect_model", model=name)["result"]
        assert (facts["source"], facts["model_type"], facts["architecture"]) == (name, "gguf", "chaos")
        assert facts["backend"]["Rust"]["engine"] == "llama_cpp"
        assert "chaos" in [place["engine"] for it in facts["alternatives"] for place in it.values()]
    assert host.result("detect_model", model="/nowhere")["error"]["code"] == "model_not_found"
    assert host.result("detect_model", model="only words")["error"]["code"] == "model_not_found"


def test_damaged_models_are_not_listed(host: HostProcess, shared: Installation) -> None:
    (shared.models / "damaged.gguf").write_bytes(b"GGUF" + bytes(100))
    shared.chaos_model("whole")
    names = [model["name"] for model in host.result("list_models")["result"]["models"]]
    assert "whole" in names
    assert "damaged" not in names
    assert host.result("load_model", model="damaged")["error"]["code"] == "model_corrupt"


def test_pickles_and_code_are_refused(host: HostProcess, shared: Installation) -> None:
    canary, path = shared.models / "canary", shared.models / "weights.pt"
    for name, content in evil(canary).items():
        path.write_bytes(content)
        assert host.result("load_model", model=str(path))["error"]["code"] == "format_refused"
        for action in ("load_model", "detect_model"):
            answer = host.result(action, model=str(path), options={"allow_pickle": True})
            assert answer["error"]["code"] in {"format_refused", "model_corrupt"}, name
    assert not canary.exists()
    path.unlink()


def test_a_file_no_engine_takes(host: HostProcess, shared: Installation) -> None:
    path = shared.models / "notes.txt"
    path.write_text("no model")
    assert host.result("load_model", model=str(path))["error"]["code"] == "unsupported_format"
