"""Models of servers through the real host: fakes of the documented interfaces, well-behaved and not."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tabagent_harness import HostProcess
from tests.servers.brain import Script
from tests.servers.fake import Fault
from tests.servers.ollama import FakeOllama
from tests.servers.openai import FakeLMStudio, FakeOpenAI
from tests.support import Installation, eventually

KEY = "sk-very-secret-0815"
HELLO = [{"role": "user", "content": "Hello there"}]
CHAT, GENERATE, MODELS = "/v1/chat/completions", "/v1/completions", "/v1/models"
Install = Callable[..., Installation]


def names(host: HostProcess) -> set[str]:
    return {entry["name"] for entry in host.result("list_models")["result"]["models"]}


def chat(host: HostProcess, model: str = "gpu/small", **fields: Any) -> dict[str, Any]:
    options = {"max_tokens": 5, **fields.pop("options", {})}
    return host.result("chat", model=model, messages=HELLO, options=options, timeout_s=30, **fields)


def pid(host: HostProcess) -> int:
    (model,) = host.result("status")["result"]["models"]
    return int(model["pid"])


@pytest.fixture
def gpu() -> Iterator[FakeOpenAI]:
    with FakeOpenAI("small", key=KEY) as server:
        yield server


@pytest.fixture
def tabagent(install: Install, gpu: FakeOpenAI) -> Installation:
    """It knows the server ``gpu`` and its key."""
    return install(servers=f"gpu={gpu.url}/v1", server_keys=f"gpu={KEY}", generation_stall_s=2)


@pytest.fixture
def host(tabagent: Installation) -> Iterator[HostProcess]:
    """At the end, the key is in nothing that was written."""
    with tabagent.host() as process:
        yield process
        process.result("status")
    assert KEY not in tabagent.log()


# ------------------------------------------------------------------------------------------------ lists


def test_models_are_listed_while_their_server_runs(install: Install) -> None:
    with ExitStack() as stack:
        ollama = stack.enter_context(FakeOllama("llama3.2:1b", "nomic:latest", embedders=("nomic:latest",)))
        studio = stack.enter_context(FakeLMStudio("qwen/qwen3-4b"))
        gpu = stack.enter_context(FakeOpenAI("org/big", "org/other", key=KEY))
        settings = {"ollama_url": ollama.url, "lm_studio_url": f"{studio.url}/", "servers": f"gpu={gpu.url}/v1"}
        tabagent = install(**settings, server_keys=f"gpu={KEY}")
        with tabagent.host() as host:
            listed = host.result("list_models")["result"]["models"]
            found = {entry["name"]: entry for entry in listed}
            assert listed[0]["name"] == "smollm2-135m"
            assert set(found) - {"smollm2-135m"} == {
                "ollama/llama3.2:1b",
                "ollama/nomic:latest",
                "lm-studio/qwen/qwen3-4b",
                "gpu/org/big",
                "gpu/org/other",
            }
            assert found["ollama/nomic:latest"]["task"] == "feature-extraction"
            entry = found["lm-studio/qwen/qwen3-4b"]
            assert (entry["format"], entry["quantisation"], entry["path"]) == ("lm-studio", "Q4_1", studio.url)
            assert (entry["size_bytes"], entry["source"], entry["loaded"]) == (98362432, "lm-studio", False)
            facts = host.result("detect_model", model="gpu/org/big")["result"]
            assert (facts["model_type"], facts["path"]) == ("openai", None)
            assert facts["backend"]["Python"]["engine"] == "openai_compatible"
            facts = host.result("detect_model", model="ollama/llama3.2:1b")["result"]
            assert [place["Python"]["engine"] for place in facts["alternatives"]] == ["openai_compatible"]
            assert host.result("remove_model", model="gpu/org/big")["error"]["code"] == "not_removable"
            assert host.result("verify_model", model="gpu/org/big")["error"]["code"] == "model_not_found"
            gpu.stop()
            ollama.stop()
            eventually(lambda: names(host) == {"smollm2-135m", "lm-studio/qwen/qwen3-4b"}, timeout_s=6)
            assert KEY not in json.dumps(listed)
        assert KEY not in tabagent.log()


def test_servers_that_are_down_hang_or_drip_do_not_keep_a_list_waiting(install: Install, gpu: FakeOpenAI) -> None:
    with FakeOpenAI("slow") as hanging, FakeOpenAI("drop") as dripping, FakeOpenAI("big") as down:
        hanging.faults[MODELS] = Fault(first_byte_after_s=30)
        dripping.faults[MODELS] = Fault(first_byte_after_s=3)
        down.stop()
        servers = {"hanging": hanging, "dripping": dripping, "down": down, "gpu": gpu}
        addresses = ",".join(f"{name}={server.url}/v1" for name, server in servers.items())
        with install(servers=addresses, server_keys=f"gpu={KEY}").host() as host:
            host.result("hello")
            for _ in range(2):
                began = time.monotonic()
                assert names(host) == {"smollm2-135m", "gpu/small"}
                assert time.monotonic() - began < 4


def test_a_server_that_is_switched_off_is_not_asked(install: Install) -> None:
    with FakeOllama("a:b") as ollama, install(ollama_url="").host() as host:
        assert names(host) == {"smollm2-135m"}
        assert not ollama.asked
        assert host.result("load_model", model="ollama/a:b")["error"]["code"] == "model_not_found"


NONSENSE = [
    b"[" * 100_000,
    b"<html>welcome</html>",
    b"[1, 2]",
    b'{"data": 3}',
    b'{"data": ["a"]}',
    b"\xff\xfe",
    b"",
    b'{"data": [NaN',
]


@pytest.mark.parametrize("body", NONSENSE, ids=range(len(NONSENSE)))
def test_a_list_that_is_none(host: HostProcess, gpu: FakeOpenAI, body: bytes) -> None:
    gpu.faults[MODELS] = Fault(body=body)
    assert names(host) == {"smollm2-135m"}
    error = host.result("load_model", model="gpu/small")["error"]
    assert error["code"] == "load_failed"
    assert "gpu at http://127.0.0.1" in error["message"]
    gpu.faults[MODELS] = Fault(body=b'{"data": [{"id": 5}, {"nothing": 1}, {"id": "small"}, {"id": "bad\\ud800"}]}')
    eventually(lambda: names(host) == {"smollm2-135m", "gpu/small"}, timeout_s=5)


# ---------------------------------------------------------------------------------------------- answers


def test_an_answer_comes_in_pieces_with_the_servers_own_counts(host: HostProcess, gpu: FakeOpenAI) -> None:
    gpu.brain = Script(interval_s=0.05)
    events = list(
        host.ask("chat", model="gpu/small", messages=HELLO, options={"max_tokens": 6, "seed": 3, "stop": ["x"]})
    )
    assert len([event for event in events if event["event"] == "token"]) > 1
    result = events[-1]["result"]
    assert (result["text"], result["finish_reason"], result["engine"]) == (
        "1 2 3 4 5 6 ",
        "length",
        "openai_compatible",
    )
    assert result["usage"] == {"prompt_tokens": 2, "completion_tokens": 6, "total_tokens": 8, "cached_tokens": 0}
    assert result["timings"]["decode_ms"] > 200
    (body,) = gpu.bodies(CHAT)
    assert body["messages"] == HELLO
    assert {name: body[name] for name in ("model", "max_tokens", "seed", "stop", "stream")} == {
        "model": "small",
        "max_tokens": 6,
        "seed": 3,
        "stop": ["x"],
        "stream": True,
    }
    assert not {"top_k", "min_p", "repeat_penalty"} & set(body), "not every server takes them"
    assert all(it.headers["authorization"] == f"Bearer {KEY}" for it in gpu.asked)


@pytest.mark.parametrize(
    "fault",
    [Fault(bytes_at_once=1), Fault(bytes_at_once=1, crlf=True), Fault(without_end=True), Fault(bytes_at_once=7)],
    ids=["bytes", "crlf", "no end", "sevens"],
)
def test_streams_of_any_shape(host: HostProcess, gpu: FakeOpenAI, fault: Fault) -> None:
    gpu.faults[CHAT] = fault
    result = chat(host)["result"]
    assert (result["text"], result["usage"]["completion_tokens"]) == ("1 2 3 4 5 ", 5)


REFUSALS = {
    "500": (Fault(status=500, body=b"<html>\n<h1>Oops</h1></html>", content_type="text/html"), "generation_failed"),
    "429": (Fault(status=429, body=b'{"error": {"message": "slow down"}}'), "busy"),
    "503": (Fault(status=503, body=b'{"error": {"message": "Loading model"}}'), "busy"),
    "401": (Fault(status=401, body=b'{"error": {"message": "wrong key sk-very-secret-0815"}}'), "engine_unavailable"),
    "403": (Fault(status=403, body=b"sk-very-secret-0815 is not welcome"), "engine_unavailable"),
    "404": (Fault(status=404, body=b'{"error": {"message": "The model `x` does not exist."}}'), "model_not_found"),
    "no such endpoint": (Fault(status=404, body=b'{"detail":"Not Found"}'), "unsupported_task"),
    "418": (Fault(status=418, body=b"your key is sk-very-secret-0815, teapot"), "generation_failed"),
    "html": (Fault(body=b"<html>hello</html>", content_type="text/html"), "generation_failed"),
    "not JSON": (Fault(body=b"data: {hello\n\n", content_type="text/event-stream"), "generation_failed"),
    "not an object": (Fault(body=b"data: 5\n\n", content_type="text/event-stream"), "generation_failed"),
    "no choices": (Fault(body=b'data: {"choices": 5}\n\n', content_type="text/event-stream"), "generation_failed"),
    "empty": (Fault(body=b"\n", content_type="text/event-stream"), "generation_failed"),
    "error within": (Fault(body=b'data: {"error": {"message": "no memory", "code": 500}}\n\n'), "generation_failed"),
    "cut": (Fault(cut_after=3), "generation_failed"),
    "vLLM's overflow": (
        Fault(
            status=400,
            body=b'{"object":"error","message":"This model\'s maximum context length is 2048 tokens. However, you '
            b'requested 9000 tokens.","code":400}',
        ),
        "context_overflow",
    ),
    "OpenAI's overflow": (
        Fault(status=400, body=b'{"error": {"code": "context_length_exceeded", "message": "too long"}}'),
        "context_overflow",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_a_server_refuses_or_garbles_is_said(host: HostProcess, gpu: FakeOpenAI, name: str) -> None:
    fault, code = REFUSALS[name]
    host.result("load_model", model="gpu/small")
    before = pid(host)
    gpu.faults[CHAT] = fault
    error = chat(host)["error"]
    assert error["code"] == code, error
    assert error["details"]["server"] == "gpu"
    assert KEY not in json.dumps(error)
    assert len(error["message"]) < 500
    assert error["message"].isprintable()
    if name == "vLLM's overflow":
        assert (error["details"]["prompt_tokens"], error["details"]["context_length"]) == (9000, 2048)
    if name in ("401", "403"):
        assert "TABAGENT_SERVER_KEYS=gpu=" in error["message"]
    gpu.faults.clear()
    assert chat(host)["event"] == "done"
    assert pid(host) == before, "the worker went on"


def test_a_wrong_key(install: Install, gpu: FakeOpenAI) -> None:
    tabagent = install(servers=f"gpu={gpu.url}/v1", server_keys="gpu=sk-mistaken")
    with tabagent.host() as host:
        assert names(host) == {"smollm2-135m"}
        error = chat(host)["error"]
        assert error["code"] == "engine_unavailable"
        assert "refuses the key (401)" in error["message"]
        assert "sk-mistaken" not in json.dumps(error)
    assert "sk-mistaken" not in tabagent.log()


def test_a_redirect_is_not_followed(host: HostProcess, gpu: FakeOpenAI) -> None:
    with FakeOpenAI("small") as other:
        assert chat(host)["event"] == "done"
        gpu.faults[CHAT] = Fault(status=307, location=f"{other.url}{CHAT}")
        error = chat(host)["error"]
        assert error["code"] == "generation_failed"
        assert f"127.0.0.1:{other.port}" in error["message"]
        gpu.faults[MODELS] = Fault(status=302, location=f"{other.url}{MODELS}")
        eventually(lambda: names(host) == {"smollm2-135m"}, timeout_s=5)
        assert other.asked == []


def test_a_proxy_of_the_environment_is_not_for_this_machine(install: Install, gpu: FakeOpenAI) -> None:
    tabagent = install(servers=f"gpu={gpu.url}/v1", server_keys=f"gpu={KEY}")
    tabagent.environ |= {"HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}
    with tabagent.host() as host:
        assert chat(host)["event"] == "done"


@pytest.mark.parametrize(
    "fault", [Fault(stall_after=3), Fault(first_byte_after_s=60)], ids=["in the middle", "at once"]
)
def test_a_server_that_stalls_takes_nobody_else_with_it(host: HostProcess, gpu: FakeOpenAI, fault: Fault) -> None:
    host.result("load_model", model="gpu/small")
    before = pid(host)
    gpu.faults[CHAT] = fault
    began = time.monotonic()
    stuck = host.send("chat", model="gpu/small", messages=HELLO, options={"max_tokens": 5})
    assert host.result("generate", model="gpu/small", prompt="a", options={"max_tokens": 3})["event"] == "done"
    error = list(host.events(stuck, timeout_s=10))[-1]["error"]
    assert (error["code"], error["details"]["server"]) == ("engine_timeout", "gpu")
    assert 1.5 < time.monotonic() - began < 4
    assert pid(host) == before


def test_a_server_that_says_that_it_lives_is_waited_for(host: HostProcess, gpu: FakeOpenAI) -> None:
    gpu.faults[CHAT] = Fault(first_byte_after_s=4, ping_every_s=0.5)
    assert chat(host)["result"]["text"] == "1 2 3 4 5 "


@pytest.mark.parametrize("when", ["prefill", "decode"])
def test_cancel_closes_the_connection(host: HostProcess, gpu: FakeOpenAI, when: str) -> None:
    host.result("load_model", model="gpu/small")
    gpu.brain = Script(interval_s=0.05)
    gpu.faults[CHAT] = Fault(first_byte_after_s=30 if when == "prefill" else 0)
    request = host.send("chat", model="gpu/small", messages=HELLO, options={"max_tokens": 900})
    events = host.events(request, timeout_s=10)
    if when == "decode":
        next(event for event in events if event["event"] == "token")
    else:
        eventually(lambda: gpu.bodies(CHAT))
    began = time.monotonic()
    host.result("cancel", target=request)
    assert list(events)[-1]["event"] == "cancelled"
    assert gpu.dropped.wait(2)
    assert time.monotonic() - began < 1


def test_models_that_are_not_there(host: HostProcess) -> None:
    for action in ("load_model", "detect_model"):
        error = host.result(action, model="gpu/other")["error"]
        assert error["code"] == "model_not_found"
    assert host.result("load_model", model="nobody/small")["error"]["code"] == "model_not_found"
    assert host.result("pull_model", model="gpu/other")["error"]["code"] == "unsupported_task"


def test_a_server_without_a_list_is_taken_at_its_word(host: HostProcess, gpu: FakeOpenAI) -> None:
    gpu.faults[MODELS] = Fault(status=404, body=b'{"detail":"Not Found"}')
    assert names(host) == {"smollm2-135m"}
    assert chat(host)["event"] == "done"
    assert chat(host, model="gpu/unknown")["error"]["code"] == "model_not_found"


def test_a_servers_model_takes_no_memory_here(install: Install, gpu: FakeOpenAI) -> None:
    tabagent = install(servers=f"gpu={gpu.url}/v1", server_keys=f"gpu={KEY}", memory_limit_mb=64)
    with tabagent.host() as host:
        assert chat(host)["event"] == "done"
        assert host.result("load_model", model="smollm2-135m")["error"]["code"] == "insufficient_memory"


def test_a_bad_setting_is_said_without_the_key(install: Install) -> None:
    for settings in ({"servers": "gpu"}, {"servers": "gpu=http://u:pw@host"}, {"server_keys": "no-equals-sign"}):
        tabagent = install(**settings)
        process = tabagent.host()
        assert process.process.wait(10) == 2
        assert "TABAGENT_SERVER" in process.stderr
        assert not {"pw", "no-equals-sign"} & set(process.stderr.replace("@", " ").replace(":", " ").split())
        process.close()


SAMPLING = {"top_k": 0, "min_p": 0.1, "repeat_penalty": 1.1}


@pytest.mark.parametrize(
    ("owner", "told"),
    [
        ("llamacpp", {"top_k": 0, "min_p": 0.1, "repeat_penalty": 1.1, "repeat_last_n": 64}),
        ("vllm", {"top_k": -1, "min_p": 0.1, "repetition_penalty": 1.1}),
        ("openai", {}),
    ],
)
def test_each_server_is_told_what_it_understands(install: Install, owner: str, told: dict[str, Any]) -> None:
    with FakeOpenAI("small", owner=owner) as server, install(servers=f"gpu={server.url}").host() as host:
        assert chat(host, options=SAMPLING)["event"] == "done"
        (body,) = server.bodies(CHAT)
        standard = {"model", "messages", "max_tokens", "temperature", "top_p", "stream", "stream_options"}
        assert {name: value for name, value in body.items() if name not in standard} == told


def test_tls_and_a_certificate_that_nobody_knows(install: Install, tmp_path: Path) -> None:
    certificate = tmp_path / "server.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(certificate), "-out", str(tmp_path / "ca.pem")]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    with certificate.open("ab") as file:
        file.write((tmp_path / "ca.pem").read_bytes())
    with FakeOpenAI("small", certificate=certificate, brain=Script(interval_s=0.05)) as server:
        tabagent = install(servers=f"gpu={server.url}/v1")
        with tabagent.host() as host:
            error = chat(host)["error"]
            assert error["code"] == "engine_unavailable"
            assert "certificate" in error["message"].lower()
        tabagent.stop()
        tabagent.environ["SSL_CERT_FILE"] = str(tmp_path / "ca.pem")
        with tabagent.host() as host:
            assert chat(host)["result"]["text"] == "1 2 3 4 5 "
            request = host.send("chat", model="gpu/small", messages=HELLO, options={"max_tokens": 900})
            events = host.events(request)
            next(event for event in events if event["event"] == "token")
            host.result("cancel", target=request)
            assert list(events)[-1]["event"] == "cancelled"
            assert server.dropped.wait(2)


# ----------------------------------------------------------------------------------------------- Ollama


def test_ollama_is_told_everything_and_loses_what_we_loaded(install: Install) -> None:
    with FakeOllama("a:1b", "b:1b") as ollama, install(ollama_url=ollama.url).host() as host:
        ollama.running["b:1b"] = 4096
        options = {"context_length": 2048}
        info = host.result("load_model", model="ollama/a:1b", options=options)["result"]
        assert (info["context_length"], info["context_train_length"], info["architecture"]) == (2048, 8192, "llama")
        assert info["details"] == {"server": "ollama", "url": ollama.url, "model": "a:1b"}
        assert ollama.running["a:1b"] == 2048
        how = {"max_tokens": 4, "temperature": 0.5, "top_k": 7, "top_p": 0.6, "min_p": 0.1, "repeat_penalty": 1.2}
        asked = {**how, "seed": 9, "stop": ["END"]}
        result = host.result("chat", model="ollama/a:1b", messages=HELLO, options=asked)["result"]
        assert (result["text"], result["engine"], result["finish_reason"]) == ("1 2 3 4 ", "ollama", "length")
        assert result["usage"]["prompt_tokens"] == 2
        (body,) = ollama.bodies("/api/chat")
        assert body["options"] == {
            "num_ctx": 2048,
            "num_predict": 4,
            **{name: value for name, value in how.items() if name != "max_tokens"},
            "repeat_last_n": 64,
            "seed": 9,
            "stop": ["END"],
        }
        assert (body["truncate"], body["shift"], body["messages"]) == (False, False, HELLO)
        host.result("generate", model="ollama/a:1b", prompt="Once", options={"max_tokens": 2})
        assert ollama.bodies("/api/generate")[-1]["raw"] is True
        host.result("load_model", model="ollama/b:1b")
        host.result("unload_model", model="ollama/b:1b")
        host.result("unload_model", model="ollama/a:1b")
        assert eventually(lambda: set(ollama.running) == {"b:1b"}), "what was loaded before stays"


def test_ollama_downloads(install: Install) -> None:
    with FakeOllama() as ollama, install(ollama_url=ollama.url).host() as host:
        ollama.models.clear()
        ollama.to_pull = {"new:1b": 4000}
        assert host.result("load_model", model="ollama/new:1b")["error"]["code"] == "model_not_found"
        events = list(host.ask("pull_model", model="ollama/new:1b"))
        assert events[-1]["result"] == {
            "model": "ollama/new:1b",
            "path": ollama.url,
            "repo": "",
            "commit": "",
            "size_bytes": 4000,
        }
        assert "ollama/new:1b" in names(host)
        assert chat(host, model="ollama/new:1b")["event"] == "done"
        assert "does not exist" in host.result("pull_model", model="ollama/none:1b")["error"]["message"]
        ollama.faults["/api/pull"] = Fault(stall_after=4)
        request = host.send("pull_model", model="ollama/new:1b")
        assert next(event for event in host.events(request) if event.get("done"))["total"] == 4000
        host.result("cancel", target=request)
        assert list(host.events(request))[-1]["event"] == "cancelled"
        assert ollama.dropped.wait(2), "Ollama notices that nobody waits"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(cut_after=2), "generation_failed"),
        (Fault(without_end=True), "generation_failed"),
        (Fault(body=b'{"error": "model runner has unexpectedly stopped"}'), "generation_failed"),
        (Fault(body=b"<html>\n"), "generation_failed"),
        (Fault(status=404, body=b'{"error": "model \'a\' not found"}'), "model_not_found"),
        (Fault(bytes_at_once=1), None),
    ],
    ids=["cut", "no end", "error within", "html", "gone", "bytes"],
)
def test_ollama_that_misbehaves(install: Install, fault: Fault, code: str | None) -> None:
    with FakeOllama("a:1b") as ollama, install(ollama_url=ollama.url).host() as host:
        ollama.faults["/api/chat"] = fault
        last = chat(host, model="ollama/a:1b")
        assert last.get("error", {}).get("code") == code, last


# -------------------------------------------------------------------------------------------- LM Studio


def test_lm_studio_loads_and_unloads(install: Install) -> None:
    with FakeLMStudio("one", "two") as studio, install(lm_studio_url=studio.url).host() as host:
        studio.instances["two"] = ("two", 4096)
        options = {"context_length": 2048}
        info = host.result("load_model", model="lm-studio/one", options=options)["result"]
        assert (info["context_length"], info["context_train_length"]) == (2048, 8192)
        assert info["size_bytes"] == 98362432
        assert info["details"]["instance"] == "one"
        assert studio.instances["one"] == ("one", 2048)
        assert chat(host, model="lm-studio/one")["result"]["engine"] == "lm_studio"
        assert studio.bodies(CHAT)[-1]["top_k"] == 40
        assert chat(host, model="lm-studio/two")["event"] == "done"
        assert len(studio.bodies("/api/v1/models/load")) == 1, "an instance that is loaded is used"
        assert host.result("load_model", model="lm-studio/three")["error"]["code"] == "model_not_found"
        for name in ("one", "two"):
            host.result("unload_model", model=f"lm-studio/{name}")
        assert eventually(lambda: set(studio.instances) == {"two"}), "what was loaded before stays"


# --------------------------------------------------------------------------------------------- fallback


def test_the_next_way_to_the_same_server(install: Install) -> None:
    with FakeLMStudio("one") as studio, install(lm_studio_url=studio.url).host() as host:
        studio.faults["/api/v1/models/load"] = Fault(status=500, body=b'{"error": {"message": "no room"}}')
        assert chat(host, model="lm-studio/one")["error"]["code"] == "load_failed"
        result = chat(host, model="lm-studio/one", engine="fallback")["result"]
        assert result["engine"] == "openai_compatible"
        assert [(it["engine"], it["code"]) for it in result["fallbacks"]] == [("lm_studio", "load_failed")]


def test_the_same_model_on_another_server(install: Install, gpu: FakeOpenAI) -> None:
    with FakeOpenAI("small", "tiny") as spare:
        addresses = f"gpu={gpu.url}/v1,spare={spare.url}/v1"
        with install(servers=addresses, server_keys=f"gpu={KEY}").host() as host:
            assert chat(host, engine="fallback")["result"]["model"] == "gpu/small"
            gpu.stop()
            assert chat(host)["error"]["code"] == "engine_unavailable"
            result = chat(host, engine="fallback")["result"]
            assert (result["model"], result["text"]) == ("spare/small", "1 2 3 4 5 ")
            assert [(it["engine"], it["code"]) for it in result["fallbacks"]] == [("gpu", "engine_unavailable")]
            assert not any("authorization" in it.headers for it in spare.asked)
            spare.stop()
            assert chat(host, engine="fallback")["error"]["code"] == "engine_unavailable"
