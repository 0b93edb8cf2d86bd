"""Ollama's own client for Python against the real model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import ollama
import pytest

from tabagent_harness.http_process import HttpProcess
from tests.http.schemas import FEW, MANY, random_schema
from tests.questions import CAPITAL
from tests.support import MODEL, eventually, seeds

GREEDY: Any = {"temperature": 0, "num_predict": 32}


@pytest.fixture(scope="module")
def client(real: HttpProcess) -> Iterator[ollama.Client]:
    with ollama.Client(real.address, headers=real.headers, timeout=120) as it:
        yield it


def test_models(client: ollama.Client) -> None:
    assert MODEL in {it.model for it in client.list().models}
    shown = client.show(MODEL)
    assert shown.details is not None
    assert shown.details.family == "llama"
    assert shown.capabilities == ["completion", "tools"]
    assert client.show("minilm").capabilities == ["embedding"]
    client.generate(MODEL)
    assert [it.context_length for it in client.ps().models if it.model == MODEL] == [8192]


@pytest.mark.parametrize("name", [MODEL, f"{MODEL}:latest"])
def test_chat(client: ollama.Client, name: str) -> None:
    answer = client.chat(name, CAPITAL, options=GREEDY)
    assert "Paris" in str(answer.message.content)
    assert (answer.done, answer.done_reason) == (True, "stop")
    assert (answer.eval_count or 0) > 3
    assert (answer.eval_duration or 0) > 1_000_000
    pieces = list(client.chat(name, CAPITAL, options=GREEDY, stream=True))
    assert "".join(it.message.content or "" for it in pieces) == answer.message.content
    assert [it.done for it in pieces].index(True) == len(pieces) - 1


def test_generate(client: ollama.Client) -> None:
    raw = client.generate(MODEL, "The capital of France is", raw=True, options={**GREEDY, "num_predict": 4})
    assert "Paris" in raw.response
    assert raw.done_reason == "length"
    asked = client.generate(MODEL, CAPITAL[1]["content"], system=CAPITAL[0]["content"], options=GREEDY)
    assert "Paris" in asked.response
    streamed = client.generate(MODEL, "Say hello.", options=GREEDY, stream=True)
    assert "".join(it.response for it in streamed)
    stopped = client.generate(MODEL, "One, two, three,", raw=True, options={**GREEDY, "stop": ["five"]})
    assert "four" in stopped.response
    assert "five" not in stopped.response


def test_numbers_below_zero(client: ollama.Client) -> None:
    unlimited: Any = {"temperature": 0, "num_predict": -1, "stop": ["five"]}
    assert client.generate(MODEL, "One, two, three,", raw=True, options=unlimited).done_reason == "stop"
    random: Any = {"temperature": 1.5, "num_predict": 12, "seed": -1}
    assert len({client.generate(MODEL, "Say something.", options=random).response for _ in range(4)}) > 1


def test_what_go_reads_too(real: HttpProcess) -> None:
    """Null is what is not there, a whole number may have a point, and tools need no type."""
    call = {"function": {"name": "look", "arguments": None}}
    turns = [*CAPITAL, {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "content": "x"}]
    tools = [{"function": {"name": "look", "parameters": {"type": "object"}}}]
    options = {"top_k": 40.0, "num_predict": 4.0, "num_ctx": None, "temperature": 0}
    whole: Any = {"model": MODEL, "options": options, "keep_alive": "9999h", "stream": False}
    answer = real.post("/api/chat", messages=turns, tools=tools, **whole).json()
    assert answer["eval_count"] <= 4, answer
    assert real.post("/api/generate", prompt="One, two,", raw=True, **whole).json()["done_reason"] == "length"
    for route, field in (("chat", "messages"), ("generate", "prompt")):
        assert real.post(f"/api/{route}", **{field: None}, **whole).json()["done_reason"] == "load"
    whole["options"]["num_predict"] = 0
    assert real.post("/api/chat", messages=CAPITAL, **whole).json()["done_reason"] == "stop"
    assert real.post("/api/embed", model="minilm", input=[], keep_alive="9999h").json()["embeddings"] == []


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        *(({"options": {name: 2}}, name) for name in ("mirostat", "repeat_last_n", "tfs_z", "typical_p")),
        ({"options": {"repeat_last_n": 0}}, "repeat_last_n"),
        ({"raw": True, "system": "You rhyme."}, "system"),
        ({"raw": True, "images": ["AAAA"]}, "images"),
    ],
)
def test_what_is_not_there_is_refused_by_its_name(real: HttpProcess, fields: dict[str, Any], name: str) -> None:
    answer = real.post("/api/generate", model=MODEL, prompt="x", **fields)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(f"{name}: ")


def test_options_that_change_no_answer(client: ollama.Client) -> None:
    neutral = {"mirostat": 0, "repeat_last_n": 64, "tfs_z": 1.0, "typical_p": 1.0, "num_thread": 2, "num_gpu": 99}
    assert client.generate(MODEL, "One, two,", raw=True, options={**GREEDY, "num_predict": 2, **neutral}).response


@pytest.mark.parametrize("seed", seeds(FEW, MANY))
def test_an_answer_matches_its_schema(client: ollama.Client, seed: int) -> None:
    schema = random_schema(seed)
    answer = client.chat(MODEL, CAPITAL, format=schema, options={"temperature": 1, "seed": seed, "num_predict": 512})
    assert answer.done_reason == "stop"
    jsonschema.validate(json.loads(str(answer.message.content)), schema)


@pytest.mark.parametrize("stream", [True, False])
def test_leaving_stops_the_answer(real: HttpProcess, stream: bool) -> None:
    endless: Any = {"temperature": 0, "num_predict": -1}
    story = [{"role": "user", "content": "Write a very long story."}]
    with ollama.Client(real.address, headers=real.headers, timeout=60 if stream else 1) as client:
        if stream:
            pieces = client.chat(MODEL, story, options=endless, stream=True)
            assert not next(iter(pieces)).done
            assert real.active_requests() == 1
            pieces.close()  # type: ignore[attr-defined]  # it is a generator
        else:
            with pytest.raises(httpx.ReadTimeout):
                client.chat(MODEL, story, options=endless)
    eventually(lambda: real.active_requests() == 0, timeout_s=15)


def test_any_object(client: ollama.Client) -> None:
    anything = client.generate(MODEL, "A JSON object, please.", format="json", options=GREEDY)
    assert anything.response.startswith("{")


def test_tools(client: ollama.Client) -> None:
    def get_weather(city: str) -> str:
        """The weather.

        Args:
            city: A city's name.
        """
        return city

    called: Any = {
        "role": "assistant",
        "tool_calls": [{"function": {"name": "get_weather", "arguments": {"city": "Rome"}}}],
    }
    answered: Any = {"role": "tool", "tool_name": "get_weather", "content": "12 degrees"}
    for stream in (False, True):
        answer: Any = client.chat(
            MODEL, [*CAPITAL, called, answered], tools=[get_weather], options=GREEDY, stream=stream
        )
        assert answer if not stream else list(answer)[-1].done


def test_embeddings(client: ollama.Client) -> None:
    answer = client.embed("minilm", ["a cat", "a dog"])
    assert [len(it) for it in answer.embeddings] == [384, 384]
    assert client.embeddings("minilm", "a cat").embedding == pytest.approx(answer.embeddings[0], abs=1e-6)


def test_loading_and_unloading(client: ollama.Client) -> None:
    assert client.generate("minilm", keep_alive="1m").done_reason == "load"
    assert "minilm" in {it.model for it in client.ps().models}
    assert client.generate("minilm", keep_alive=0).done_reason == "unload"
    assert "minilm" not in {it.model for it in client.ps().models}


def test_errors(client: ollama.Client, real: HttpProcess) -> None:
    with pytest.raises(ollama.ResponseError) as unknown:
        client.chat("nothing", CAPITAL)
    assert unknown.value.status_code == 404
    with pytest.raises(ollama.ResponseError) as unknown:
        list(client.chat("nothing", CAPITAL, stream=True))
    assert unknown.value.status_code == 404
    for asked, fields in (("chat", {"messages": CAPITAL}), ("show", {}), ("generate", {"prompt": "x"})):
        answer = real.post(f"/api/{asked}", model="nothing", **fields)
        assert answer.status_code == 404
        assert answer.json()["error"].startswith("There is no model 'nothing'.")
        assert "path" not in answer.text
    with pytest.raises(ollama.ResponseError, match="temperature"):
        client.chat(MODEL, CAPITAL, options={"temperature": 99})
    for picture in ("é", "?", "AAAA" * 10):
        answer = real.post("/api/chat", model=MODEL, messages=[{"role": "user", "content": "x", "images": [picture]}])
        assert answer.status_code == 400
    with pytest.raises(ollama.ResponseError, match="duration"):
        client.chat(MODEL, CAPITAL, keep_alive="soon")
    with ollama.Client(real.address) as stranger, pytest.raises(ollama.ResponseError) as refused:
        stranger.list()
    assert refused.value.status_code == 401


def test_the_root_says_what_clients_look_for(real: HttpProcess) -> None:
    assert real.client.get("/").text == "Ollama is running"
    assert real.client.get("/api/version").json()["version"]
    for path in ("/", "/api/version", "/api/tags"):
        assert (real.client.head(path).status_code, real.client.head(path).content) == (200, b"")
    assert real.client.head("/api/chat").status_code == 405
