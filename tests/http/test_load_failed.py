"""Row H28: a model whose files are faulty is at fault, not the server."""

from __future__ import annotations

from typing import Any

import pytest

from tabagent_harness.http_process import HttpProcess
from tests.made_models import gguf, safetensors
from tests.pickled_models import archive

LLAMA = gguf([("t", [64], 0, bytes(256))], general__architecture="llama")
CONFIG = b'{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}'
MODELS = {
    "torn": ({"torn.gguf": LLAMA}, 400, "load_failed"),
    "cut": ({"cut.gguf": LLAMA[:-100]}, 400, "model_corrupt"),
    "bare": ({"model.safetensors": safetensors(w=("F32", [4])), "config.json": CONFIG}, 400, "load_failed"),
    "pickled": ({"pytorch_model.bin": archive({"w": ([1], [1.0])}), "config.json": CONFIG}, 403, "format_refused"),
}
DIALOGUE: dict[str, Any] = {"messages": [{"role": "user", "content": "x"}]}
ROUTES: dict[str, dict[str, Any]] = {
    "/tabagent/v1/load_model": {},
    "/tabagent/v1/chat": DIALOGUE,
    "/tabagent/v1/embed": {"input": "x"},
    "/v1/chat/completions": DIALOGUE,
    "/v1/completions": {"prompt": "x"},
    "/v1/responses": {"input": "x"},
    "/v1/embeddings": {"input": "x"},
    "/v1/rerank": {"query": "x", "documents": ["y"]},
    "/api/chat": DIALOGUE,
    "/api/generate": {"prompt": "x"},
    "/api/embed": {"input": "x"},
    "/v1/messages": {**DIALOGUE, "max_tokens": 4},
    "/v1/messages/count_tokens": DIALOGUE,
}


@pytest.mark.parametrize("model", MODELS)
def test_h28_faulty_files(http: HttpProcess, model: str) -> None:
    files, status, code = MODELS[model]
    folder = http.installation.models / model
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    for route, body in ROUTES.items():
        streams = "max_tokens" in body or route in {"/v1/chat/completions", "/v1/responses", "/api/chat"}
        for stream in [{}, {"stream": True}] if streams else [{}]:
            answer = http.post(route, model=model, **body, **stream)
            assert answer.status_code == status, (route, answer.text)
            error = answer.json()["error"]
            if route.startswith("/v1/messages"):
                assert error["type"] == {400: "invalid_request_error", 403: "permission_error"}[status]
            else:
                assert (answer.json() if isinstance(error, str) else error)["code"] == code, (route, answer.text)
                assert isinstance(error, str) or error.get("param") is None
