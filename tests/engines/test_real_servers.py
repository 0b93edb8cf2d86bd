"""Real servers as engines: llama-server in a process of its own, and an application on Ray Serve."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tabagent_harness import HostProcess
from tests.questions import CAPITAL
from tests.servers.processes import ServerProcess, llama_server, ray_serve
from tests.support import Installation, eventually

STORY = [{"role": "user", "content": "Write a very long story about a lighthouse keeper, with many chapters."}]
GREEDY = {"temperature": 0, "max_tokens": 32}


def chat(host: HostProcess, model: str, messages: list[dict[str, str]], **options: Any) -> dict[str, Any]:
    last = host.result("chat", model=model, messages=messages, options={**GREEDY, **options})
    assert last["event"] == "done", last
    return dict(last["result"])


def idle(server: ServerProcess) -> bool:
    """It computes nothing for half a second."""
    before = server.cpu_seconds()
    time.sleep(0.5)
    return server.cpu_seconds() - before < 0.1


@pytest.fixture(scope="module")
def llama() -> Iterator[ServerProcess]:
    with llama_server(context_length=4096, embeddings=False) as server:
        yield server


@pytest.fixture
def host(install: Callable[..., Installation], llama: ServerProcess) -> Iterator[HostProcess]:
    with install(servers=f"llama={llama.url}").host() as process:
        yield process


MODEL = "llama/smollm2-135m"


def test_llama_server_is_listed_loaded_and_answers(host: HostProcess) -> None:
    entry = next(it for it in host.result("list_models")["result"]["models"] if it["name"] == MODEL)
    assert (entry["format"], entry["quantisation"], entry["source"]) == ("openai", "Q4_1", "llama")
    info = host.result("load_model", model=MODEL)["result"]
    assert (info["context_length"], info["context_train_length"], info["vocab_size"]) == (4096, 8192, 49152)
    assert info["details"]["owned_by"] == "llamacpp"
    events = list(host.ask("chat", model=MODEL, messages=CAPITAL, options=GREEDY))
    pieces = [event["text"] for event in events if event["event"] == "token"]
    result = events[-1]["result"]
    assert "Paris" in result["text"]
    assert "".join(pieces) == result["text"]
    assert len(pieces) > 1
    assert result["finish_reason"] == "stop"
    assert result["usage"]["prompt_tokens"] > 20
    assert result["usage"]["completion_tokens"] >= 5


def test_llama_server_tokenizes_as_the_file_does(host: HostProcess) -> None:
    text = "Hello <|im_end|> world"
    for special in (False, True):
        there, here = (host.result("tokenize", model=it, text=text, special=special) for it in (MODEL, "smollm2-135m"))
        assert there["result"] == here["result"]


def test_llama_server_keeps_to_seed_stop_and_number(host: HostProcess) -> None:
    hot = {"temperature": 1.5, "max_tokens": 12, "top_k": 200, "top_p": 1, "min_p": 0}
    texts = [chat(host, MODEL, STORY, seed=seed, **hot)["text"] for seed in (7, 7, 8)]
    assert texts[0] == texts[1] != texts[2]
    whole = chat(host, MODEL, STORY)["text"]
    stop = whole[20:26]
    stopped = chat(host, MODEL, STORY, stop=[stop])
    assert (stopped["text"], stopped["finish_reason"]) == (whole[: whole.index(stop)], "stop")
    short = chat(host, MODEL, STORY, max_tokens=3)
    assert (short["usage"]["completion_tokens"], short["finish_reason"]) == (3, "length")


def test_llama_server_says_what_it_cannot(host: HostProcess) -> None:
    error = host.result("embed", model=MODEL, input="a")["error"]
    assert error["code"] == "unsupported_task"
    assert "--embeddings" in error["message"]
    error = host.result("generate", model=MODEL, prompt="word " * 5000)["error"]
    assert error["code"] == "context_overflow"
    assert error["details"]["prompt_tokens"] > error["details"]["context_length"] == 4096


@pytest.mark.parametrize("when", ["prefill", "decode"])
def test_llama_server_stops_computing_when_cancelled(host: HostProcess, llama: ServerProcess, when: str) -> None:
    host.result("load_model", model=MODEL)
    eventually(lambda: idle(llama), timeout_s=30)
    page = " ".join(f"Line {number} of the page {when}." for number in range(300)) if when == "prefill" else "Once"
    before = llama.cpu_seconds()
    request = host.send("generate", model=MODEL, prompt=page, options={"max_tokens": 3000})
    events = host.events(request)
    if when == "decode":
        next(event for event in events if event["event"] == "token")
    else:
        eventually(lambda: llama.cpu_seconds() > before + 0.2)
    host.result("cancel", target=request)
    assert list(events)[-1]["event"] == "cancelled"
    eventually(lambda: idle(llama), timeout_s=15)


def test_embeddings_of_llama_server(install: Callable[..., Installation]) -> None:
    with llama_server(embeddings=True) as server, install(servers=f"vectors={server.url}").host() as host:
        result = host.result("embed", model="vectors/smollm2-135m", input=["a cat", "a dog"])["result"]
        assert [len(vector) for vector in result["embeddings"]] == [576, 576]
        assert all(abs(sum(x * x for x in vector) - 1) < 1e-3 for vector in result["embeddings"])


def test_killed_in_mid_answer_and_the_file_here_goes_on(install: Callable[..., Installation]) -> None:
    with llama_server() as server, install(servers=f"llama={server.url}").host() as host:
        request = host.send("chat", model=MODEL, messages=STORY, options={"max_tokens": 2000})
        events = host.events(request)
        next(event for event in events if event["event"] == "token")
        server.kill()
        error = list(events)[-1]["error"]
        assert (error["code"], error["details"]["server"]) == ("generation_failed", "llama")
        assert host.result("chat", model=MODEL, messages=CAPITAL)["error"]["code"] == "engine_unavailable"
        last = host.result("chat", model=MODEL, engine="fallback", messages=CAPITAL, options=GREEDY)
        assert last["event"] == "done", last
        result = last["result"]
        assert "Paris" in result["text"]
        assert (result["model"], result["engine"]) == ("smollm2-135m", "llama_cpp")
        assert [(it["engine"], it["code"]) for it in result["fallbacks"]] == [("llama", "engine_unavailable")]
        names = [it["name"] for it in host.result("list_models")["result"]["models"]]
        assert names == ["smollm2-135m"]


@pytest.mark.long
@pytest.mark.timeout(240)
def test_an_application_on_ray_serve(install: Callable[..., Installation]) -> None:
    with ray_serve() as server, install(servers=f"cluster={server.url}").host() as host:
        model = "cluster/smollm2-135m"
        assert host.result("load_model", model=model)["result"]["context_length"] == 2048
        events = list(host.ask("chat", model=model, messages=CAPITAL, options=GREEDY))
        assert "Paris" in events[-1]["result"]["text"]
        assert len([event for event in events if event["event"] == "token"]) > 1
        assert events[-1]["result"]["usage"]["prompt_tokens"] > 20
        assert host.result("embed", model=model, input="a")["error"]["code"] == "unsupported_task"
        request = host.send("chat", model=model, messages=STORY, options={"max_tokens": 1000})
        stream = host.events(request)
        next(event for event in stream if event["event"] == "token")
        host.result("cancel", target=request)
        assert list(stream)[-1]["event"] == "cancelled"
        server.kill()
        result = host.result("chat", model=model, engine="fallback", messages=CAPITAL, options=GREEDY)["result"]
        assert (result["model"], result["engine"]) == ("smollm2-135m", "llama_cpp")
