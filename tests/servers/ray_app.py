"""A Ray Serve application with OpenAI's endpoints: SmolLM2 through ``tabagent_model``, streamed as it is written.

No annotations as text here: FastAPI reads them where Ray has put the class.
"""

import json
import sys
import threading
from collections.abc import Iterator
from typing import Any

import ray
import tabagent_model
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from ray import serve

MODEL = "smollm2-135m"
api = FastAPI()


@serve.deployment(ray_actor_options={"num_cpus": 0})
@serve.ingress(api)
class OpenAIApp:
    """One replica, one model."""

    def __init__(self, path: str) -> None:
        self._model = tabagent_model.PyModel()
        library = tabagent_model.get_library(tabagent_model.get_cpu_variant().variant)
        self._model.load(library, path, context_length=2048)

    @api.get("/v1/models")
    def models(self) -> dict[str, Any]:
        return {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "ray", "max_model_len": 2048}]}

    @api.post("/v1/chat/completions")
    async def chat(self, request: Request) -> StreamingResponse:
        body = await request.json()
        turns = [f"<|im_start|>{it['role']}\n{it['content']}<|im_end|>\n" for it in body["messages"]]
        tokens = self._model.tokenize("".join(turns) + "<|im_start|>assistant\n", parse_special=True)
        stream = self._model.stream(tokens, max_tokens=body["max_tokens"], temperature=body["temperature"])
        return StreamingResponse(self._events(stream), media_type="text/event-stream")

    def _events(self, stream: Any) -> Iterator[str]:
        def event(content: dict[str, Any]) -> str:
            return f"data: {json.dumps(content)}\n\n"

        try:
            for text in stream:
                yield event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
            done = stream.completion
            yield event({"choices": [{"index": 0, "delta": {}, "finish_reason": done.finish_reason}]})
            usage = {"prompt_tokens": done.prompt_tokens, "completion_tokens": done.completion_tokens}
            yield event({"choices": [], "usage": usage})
            yield "data: [DONE]\n\n"
        finally:
            stream.cancel()


def main() -> None:
    """``PORT MODEL FOLDER``: a Ray of this process's own, and the application on it."""
    port, path, folder = sys.argv[1:]
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20, _temp_dir=folder
    )
    serve.start(http_options={"host": "127.0.0.1", "port": int(port)})
    serve.run(OpenAIApp.bind(path))
    threading.Event().wait()
