"""Ollama: its options, downloads, memory and faults."""

from __future__ import annotations

import pytest

from tests.engines.servers.asking import HELLO, Install, chat, names
from tests.servers.fake import Fault
from tests.servers.ollama import FakeOllama
from tests.support import eventually


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
