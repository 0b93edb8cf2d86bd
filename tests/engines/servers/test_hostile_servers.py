"""What a server sends can fail one request only; the browser's other requests go on."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

from tabagent_harness import HostProcess
from tests.engines.servers.asking import CHAT, MODELS, Install, chat, names, pid
from tests.servers.fake import Fault
from tests.servers.openai import FakeOpenAI
from tests.support import eventually

HUGE = 10**40
FIELDS: list[Any] = [HUGE, -HUGE, -1, True, 1.5, "\ud800", [[1]], {"a": HUGE}]
EMBED = "/v1/embeddings"


def test_s6_catalogues_with_impossible_fields(install: Install) -> None:
    named = [(f"m{index}", value) for index, value in enumerate(FIELDS)]
    ollama = [{"name": name, "size": it, "details": {"family": it, "quantization_level": it}} for name, it in named]
    studio = [{"key": name, "type": it, "size_bytes": it, "max_context_length": it} for name, it in named]
    gpu = [{"id": name, "max_model_len": it, "owned_by": it, "meta": {"size": it, "n_ctx": it}} for name, it in named]
    with ExitStack() as stack:
        settings = {}
        for setting, path, listing in (
            ("ollama_url", "/api/tags", {"models": ollama}),
            ("lm_studio_url", "/api/v1/models", {"models": studio}),
            ("servers", MODELS, {"data": gpu}),
        ):
            server = stack.enter_context(FakeOpenAI("m0"))
            server.faults[path] = Fault(body=json.dumps(listing).encode())
            settings[setting] = f"gpu={server.url}/v1" if setting == "servers" else server.url
        host = stack.enter_context(install(**settings).host())
        wanted = {f"{server}/{name}" for server in ("ollama", "lm-studio", "gpu") for name, _ in named}
        eventually(lambda: wanted <= names(host))
        for model in wanted:
            facts = host.result("detect_model", model=model, timeout_s=60)["result"]
            assert (facts["size_bytes"], facts["context_length"]) == (None, None)
        assert chat(host, model="gpu/m0")["event"] == "done"
        assert host.result("status")["result"]["models"][0]["context_length"] == 0


def _stream(**choice: Any) -> bytes:
    return f"data: {json.dumps({'choices': [{'index': 0, 'finish_reason': 'stop', **choice}]})}\n\n".encode()


ANSWERS = {
    "surrogates": _stream(delta={"content": "a\ud800"}, stop_reason="\udfff"),
    "calls": _stream(delta={"tool_calls": [{"index": HUGE, "id": "\ud800", "function": {"name": "\ud800"}}]}),
    "logprobs": _stream(delta={"content": "a"}, logprobs={"content": [{"token": "a", "logprob": -(10**400)}]}),
    "usage": _stream(delta={"content": HUGE}) + b'data: {"usage": {"prompt_tokens": %d}}\n\n' % HUGE,
    "error": b'data: {"error": {"message": "the context size (%d) is too small"}}\n\n' % HUGE,
    "overflow": b'data: {"error": "n_ctx: %d context_length_exceeded"}\n\n' % HUGE,
    "deep error": b'data: {"error": ' + b"[" * 900 + b"]" * 900 + b"}\n\n",
    "deep": b"data: " + b"[" * 100_000 + b"\n\n",
}
VECTORS: list[Any] = [[10**400], ["1"], [None], {"a": 1}, [True]]


def test_s6_answers_that_no_client_could_read(host: HostProcess, gpu: FakeOpenAI) -> None:
    assert chat(host)["event"] == "done"
    worker = pid(host)
    for name, body in ANSWERS.items():
        gpu.faults[CHAT] = Fault(body=body, content_type="text/event-stream")
        last = chat(host)
        assert last["event"] == "done" or last["error"]["code"] in ("generation_failed", "context_overflow"), name
    for vector in VECTORS:
        gpu.faults[EMBED] = Fault(body=json.dumps({"data": [{"index": HUGE, "embedding": vector}]}).encode())
        assert host.result("embed", model="gpu/small", input="a")["error"]["code"] == "generation_failed"
    gpu.faults.clear()
    assert chat(host)["event"] == "done"
    assert pid(host) == worker, "no answer ended the worker"


def test_s6_vectors_that_exceed_a_message(host: HostProcess, gpu: FakeOpenAI) -> None:
    rows = [{"index": index, "embedding": [1] * 1600} for index in range(32)]
    gpu.faults[EMBED] = Fault(body=json.dumps({"data": rows}).encode())
    error = host.result("embed", model="gpu/small", input=["a"] * 2048, timeout_s=60)["error"]
    assert error["code"] == "request_too_large"
    assert error["details"] == {"texts": 2048, "limit": 1906}
    assert len(gpu.bodies(EMBED)) == 1, "the other batches were not asked for"
    assert host.result("status")["event"] == "done"
