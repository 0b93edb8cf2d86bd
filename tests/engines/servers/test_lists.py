"""Which models there are while servers run, hang, lie and stop."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack

import pytest

from tabagent_harness import HostProcess
from tests.engines.servers.asking import KEY, MODELS, Install, chat, names
from tests.servers.fake import Fault
from tests.servers.ollama import FakeOllama
from tests.servers.openai import FakeLMStudio, FakeOpenAI
from tests.support import eventually


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
            eventually(lambda: names(host) == {"smollm2-135m", "lm-studio/qwen/qwen3-4b"}, timeout_s=15)
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
                assert time.monotonic() - began < 15, "the server would wait for 30 s"


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
    eventually(lambda: names(host) == {"smollm2-135m", "gpu/small"}, timeout_s=15)


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
