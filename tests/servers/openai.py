"""Servers that speak OpenAI's dialect: a plain one, llama-server's additions, and LM Studio with its own interface.

Shapes: <https://platform.openai.com/docs/api-reference/chat>, <https://lmstudio.ai/docs/developer/rest>.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from backends.contract import Delta, EngineError, Sampling, TextStream
from tests.servers.brain import embed
from tests.servers.dialect import constraint, conversation, openai_delta, openai_logprobs
from tests.servers.fake import Body, FakeServer, Handler, overflow


def sampling(body: Body) -> Sampling:
    return Sampling(
        max_tokens=body.get("max_tokens", 16),
        temperature=body.get("temperature", 1.0),
        top_k=body.get("top_k", 40),
        top_p=body.get("top_p", 1.0),
        min_p=body.get("min_p", 0.0),
        repeat_penalty=body.get("repeat_penalty", 1.0),
        seed=body.get("seed"),
        stop=tuple(body.get("stop", ())),
        constraint=constraint(body.get("response_format", {}).get("json_schema", {}).get("schema")),
        logprobs=body.get("top_logprobs", 0) if body.get("logprobs") else None,
    )


class FakeOpenAI(FakeServer):
    """``owner`` is who it says it is. A server named ``llamacpp`` has ``/tokenize`` too."""

    def __init__(self, *models: str, owner: str = "fake", context_length: int = 1024, **options: Any) -> None:
        super().__init__(**options)
        self.models = list(models or ["small"])
        self.owner = owner
        self.context_length = context_length

    def routes(self) -> dict[str, Callable[[Handler, Body], None]]:
        return {
            "/v1/models": self._list,
            "/v1/chat/completions": self._chat,
            "/v1/completions": self._complete,
            "/v1/embeddings": self._embed,
            **({"/tokenize": self._tokenize} if self.owner == "llamacpp" else {}),
        }

    def _list(self, handler: Handler, _: Body) -> None:
        meta = {"n_ctx": self.context_length, "n_ctx_train": 8192, "n_vocab": 49152, "n_embd": 576, "size": 1000}
        more = {"meta": meta} if self.owner == "llamacpp" else {}
        data = [{"id": it, "object": "model", "created": 1, "owned_by": self.owner, **more} for it in self.models]
        handler.answer(200, {"object": "list", "data": data})

    def _chat(self, handler: Handler, body: Body) -> None:
        self._answer(handler, body, lambda how: self.brain.chat(conversation(body), how, 0.0), is_chat=True)

    def _complete(self, handler: Handler, body: Body) -> None:
        self._answer(handler, body, lambda how: self.brain.generate(body["prompt"], how, 0.0), is_chat=False)

    def _answer(self, handler: Handler, body: Body, ask: Callable[[Sampling], TextStream], *, is_chat: bool) -> None:
        if body["model"] not in self.names():
            handler.answer(404, {"error": {"message": f"The model `{body['model']}` does not exist.", "code": 404}})
            return
        try:
            stream = ask(sampling(body))
        except EngineError as error:
            handler.answer(400, {"error": overflow(error)})
            return
        handler.stream(self._events(stream, handler.fault.without_end, is_chat=is_chat), "text/event-stream")

    def names(self) -> list[str]:
        return self.models

    def _events(self, stream: TextStream, without_end: bool, *, is_chat: bool) -> Iterator[bytes]:
        def event(reason: str | None, delta: Delta) -> bytes:
            choice = {"delta": openai_delta(delta)} if is_chat else {"text": delta.text}
            return _event({"choices": [{"index": 0, **choice, **openai_logprobs(delta), "finish_reason": reason}]})

        try:
            yield _event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]})
            for delta in stream:
                yield event(None, delta)
            done = stream.completion
            yield event(done.finish_reason, Delta())
            usage = {
                "prompt_tokens": done.prompt_tokens,
                "completion_tokens": done.completion_tokens,
                "total_tokens": done.prompt_tokens + done.completion_tokens,
                "prompt_tokens_details": {"cached_tokens": done.cached_tokens},
            }
            yield _event({"choices": [], "usage": usage})
            if not without_end:
                yield b"data: [DONE]\n\n"
        finally:
            stream.cancel()

    def _embed(self, handler: Handler, body: Body) -> None:
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        try:
            vectors = embed(texts)
        except EngineError as error:
            handler.answer(400, {"error": overflow(error)})
            return
        data = [{"object": "embedding", "index": number, "embedding": it} for number, it in enumerate(vectors)]
        tokens = sum(len(text.split()) + 2 for text in texts)
        handler.answer(200, {"data": data[::-1], "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})

    def _tokenize(self, handler: Handler, body: Body) -> None:
        special, add_special = body.get("parse_special", True), body.get("add_special", False)
        handler.answer(200, {"tokens": self.brain.tokenize(body["content"], special=special, add_special=add_special)})


class FakeLMStudio(FakeOpenAI):
    """Its own list, load and unload beside OpenAI's dialect. What a request may hold in ``load`` is a closed set."""

    def __init__(self, *models: str, kind: str = "llm", **options: Any) -> None:
        super().__init__(*models, **options)
        self.kind = kind
        self.instances: dict[str, tuple[str, int]] = {}
        """Instance → model, context length."""

    def routes(self) -> dict[str, Callable[[Handler, Body], None]]:
        return {
            **super().routes(),
            "/api/v1/models": self._list_all,
            "/api/v1/models/load": self._load,
            "/api/v1/models/unload": self._unload,
        }

    def names(self) -> list[str]:
        return [*self.models, *self.instances]

    def _list_all(self, handler: Handler, _: Body) -> None:
        models = [
            {
                "type": self.kind,
                "publisher": "lmstudio-community",
                "key": key,
                "display_name": key.title(),
                "architecture": "llama",
                "quantization": {"name": "Q4_1", "bits_per_weight": 4},
                "size_bytes": 98362432,
                "params_string": "135M",
                "loaded_instances": [
                    {"id": instance, "config": {"context_length": context, "flash_attention": True}}
                    for instance, (model, context) in self.instances.items()
                    if model == key
                ],
                "max_context_length": 8192,
                "format": "gguf",
                "capabilities": {"vision": False, "trained_for_tool_use": False},
                "description": None,
            }
            for key in self.models
        ]
        handler.answer(200, {"models": models})

    def _load(self, handler: Handler, body: Body) -> None:
        unknown = set(body) - {"model", "context_length", "echo_load_config", "flash_attention", "eval_batch_size"}
        if unknown:
            handler.answer(400, {"error": {"message": f"Unrecognized key(s) in object: {sorted(unknown)}"}})
            return
        if body["model"] not in self.models:
            handler.answer(404, {"error": {"message": f"model {body['model']} not found", "type": "model_not_found"}})
            return
        instance = body["model"] if body["model"] not in self.instances else f"{body['model']}:2"
        context = body.get("context_length", 4096)
        self.instances[instance] = (body["model"], context)
        config = {"load_config": {"context_length": context}} if body.get("echo_load_config") else {}
        handler.answer(
            200, {"type": self.kind, "instance_id": instance, "load_time_seconds": 0.1, "status": "loaded", **config}
        )

    def _unload(self, handler: Handler, body: Body) -> None:
        if self.instances.pop(body["instance_id"], None) is None:
            handler.answer(404, {"error": {"message": "no such model instance"}})
        else:
            handler.answer(200, {"instance_id": body["instance_id"]})


def _event(content: Body) -> bytes:
    return b"data: " + json.dumps(content, ensure_ascii=False).encode() + b"\n\n"
