"""A fake Ollama: <https://github.com/ollama/ollama/blob/main/docs/api.md>."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from backends.contract import Delta, EngineError, Sampling, TextStream
from tests.servers.brain import embed
from tests.servers.dialect import constraint, conversation, ollama_message
from tests.servers.fake import Body, Handler, overflow
from tests.servers.openai import FakeOpenAI


class FakeOllama(FakeOpenAI):
    """Its models write text, or embed it where ``embedders`` names them. At ``/v1`` it speaks OpenAI's dialect too."""

    def __init__(self, *models: str, embedders: tuple[str, ...] = (), **options: Any) -> None:
        super().__init__(*models, **options)
        self.embedders = embedders
        self.running: dict[str, int] = {}
        """Model → context length."""
        self.to_pull: dict[str, int] = {}
        """Model that can be downloaded → its bytes."""

    def routes(self) -> dict[str, Callable[[Handler, Body], None]]:
        return {
            **super().routes(),
            "/api/tags": self._tags,
            "/api/ps": self._ps,
            "/api/show": self._known(self._show),
            "/api/generate": self._known(self._generate),
            "/api/chat": self._known(self._chat_natively),
            "/api/embed": self._known(self._embed_natively),
            "/api/pull": self._pull,
        }

    def _known(self, answer: Callable[[Handler, Body], None]) -> Callable[[Handler, Body], None]:
        def check(handler: Handler, body: Body) -> None:
            if body["model"] in self.models:
                answer(handler, body)
            else:
                handler.answer(404, {"error": f"model '{body['model']}' not found"})

        return check

    def _tags(self, handler: Handler, _: Body) -> None:
        handler.answer(200, {"models": [self._entry(name) for name in self.models]})

    def _ps(self, handler: Handler, _: Body) -> None:
        entries = [
            {**self._entry(name), "expires_at": "2030-01-01T00:00:00Z", "size_vram": 0, "context_length": context}
            for name, context in self.running.items()
        ]
        handler.answer(200, {"models": entries})

    def _entry(self, name: str) -> Body:
        family = "nomic-bert" if name in self.embedders else "llama"
        return {
            "name": name,
            "model": name,
            "modified_at": "2026-01-01T00:00:00Z",
            "size": 98362432,
            "digest": "a" * 64,
            "details": {"format": "gguf", "family": family, "families": [family], "quantization_level": "Q4_1"},
        }

    def _show(self, handler: Handler, body: Body) -> None:
        embeds = body["model"] in self.embedders
        about = {
            "general.architecture": "llama",
            "llama.context_length": 8192,
            "llama.embedding_length": 576,
            "llama.vocab_size": 49152,
        }
        handler.answer(
            200,
            {
                "modelfile": "",
                "template": "{{ .Prompt }}",
                "details": self._entry(body["model"])["details"],
                "model_info": about,
                "capabilities": ["embedding"] if embeds else ["completion"],
            },
        )

    def _generate(self, handler: Handler, body: Body) -> None:
        if not body.get("prompt"):
            self._load_or_unload(handler, body)
            return
        self._write(handler, body, lambda how: self.brain.generate(body["prompt"], how, 0.0), _response)

    def _load_or_unload(self, handler: Handler, body: Body) -> None:
        if body.get("keep_alive") == 0:
            self.running.pop(body["model"], None)
        else:
            self.running[body["model"]] = body.get("options", {}).get("num_ctx", 4096)
        reason = "unload" if body.get("keep_alive") == 0 else "load"
        handler.answer(200, {"model": body["model"], "response": "", "done": True, "done_reason": reason})

    def _chat_natively(self, handler: Handler, body: Body) -> None:
        self._write(handler, body, lambda how: self.brain.chat(conversation(body), how, 0.0), ollama_message)

    def _write(
        self,
        handler: Handler,
        body: Body,
        ask: Callable[[Sampling], TextStream],
        shape: Callable[[Delta], Body],
    ) -> None:
        try:
            stream = ask(replace(_sampling(body.get("options", {})), constraint=constraint(body.get("format"))))
        except EngineError as error:  # as of 0.40: the words of the llama-server within
            handler.answer(400, {"error": json.dumps({"error": overflow(error)})})
            return
        handler.stream(self._lines(stream, shape, handler.fault.without_end), "application/x-ndjson")

    def _lines(self, stream: TextStream, shape: Callable[[Delta], Body], without_end: bool) -> Iterator[bytes]:
        try:
            for delta in stream:
                yield _line({**shape(delta), "done": False})
            done = stream.completion
            if done.tool_calls:
                yield _line({**ollama_message(Delta(), done.tool_calls), "done": False})
            counts = {"prompt_eval_count": done.prompt_tokens, "eval_count": done.completion_tokens}
            if not without_end:
                reason = "length" if done.finish_reason == "length" else "stop"
                yield _line({**shape(Delta()), "done": True, "done_reason": reason, **counts})
        finally:
            stream.cancel()

    def _embed_natively(self, handler: Handler, body: Body) -> None:
        try:
            vectors = embed(body["input"])
        except EngineError as error:
            handler.answer(400, {"error": error.message})
            return
        tokens = sum(len(text.split()) + 2 for text in body["input"])
        handler.answer(200, {"model": body["model"], "embeddings": vectors, "prompt_eval_count": tokens})

    def _pull(self, handler: Handler, body: Body) -> None:
        name = body["model"]
        handler.stream(self._pulling(name), "application/x-ndjson")

    def _pulling(self, name: str) -> Iterator[bytes]:
        yield _line({"status": "pulling manifest"})
        if name not in self.to_pull:
            yield _line({"error": "pull model manifest: file does not exist"})
            return
        total, digest = self.to_pull[name], "sha256:" + "b" * 64
        yield _line({"status": "pulling bbbb", "digest": digest, "total": total})
        for done in range(total // 4, total + 1, total // 4):
            yield _line({"status": "pulling bbbb", "digest": digest, "total": total, "completed": done})
        yield _line({"status": "verifying sha256 digest"})
        self.models.append(name)
        yield _line({"status": "success"})


def _sampling(options: Body) -> Sampling:
    return Sampling(
        max_tokens=options.get("num_predict", 128),
        temperature=options.get("temperature", 0.8),
        top_k=options.get("top_k", 40),
        top_p=options.get("top_p", 0.9),
        min_p=options.get("min_p", 0.0),
        repeat_penalty=options.get("repeat_penalty", 1.1),
        seed=options.get("seed"),
        stop=tuple(options.get("stop", ())),
    )


def _response(delta: Delta) -> Body:
    return {"response": delta.text}


def _line(content: Body) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"
