"""OpenAI's dialect, as far as every server that calls itself compatible speaks it.

<https://platform.openai.com/docs/api-reference>: ``/models``, ``/chat/completions``, ``/completions``, ``/embeddings``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from backends.contract import Constraint, Conversation, Embeddings, Message, Sampling, TextStream
from backends.http.answer import Answer, Counts
from backends.http.arguments import as_object_text
from backends.http.client import ServerClient
from backends.http.fields import number, parse, size
from backends.http.lines import event_data
from backends.http.openai_choice import CallParts, piece_of
from backends.text.control import Control
from backends.text.stream import Piece, Pieces
from native_host.protocol.limits import MAX_TOKENS

_END = "[DONE]"


def api_base(url: str) -> tuple[str, str]:
    """The server's root, and where OpenAI's endpoints are below it: at ``/v1`` unless its address says otherwise."""
    if url.endswith("/v1"):
        return url.removesuffix("/v1"), "/v1"
    return url, "" if urlsplit(url).path else "/v1"


def standard_sampling(sampling: Sampling) -> dict[str, Any]:
    """Return the fields that every server knows; some servers refuse a request with any other."""
    body: dict[str, Any] = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    if sampling.max_tokens < MAX_TOKENS:  # servers such as vLLM refuse more than their context
        body["max_tokens"] = sampling.max_tokens
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    return body


def _conversation(conversation: Conversation) -> dict[str, Any]:
    body: dict[str, Any] = {"messages": [_message(message) for message in conversation.messages]}
    if conversation.tools and conversation.tool_choice != "none":
        body["tools"] = [dict(tool) for tool in conversation.tools]
        body["tool_choice"] = conversation.tool_choice
        if not conversation.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    if conversation.reasoning_effort is not None:
        body["reasoning_effort"] = conversation.reasoning_effort
    switch = {} if conversation.thinking is None else {"enable_thinking": conversation.thinking}
    if options := {**switch, **conversation.template_options}:
        body["chat_template_kwargs"] = options
    return body


def _message(message: Message) -> dict[str, Any]:
    """Return a message whose calls have a JSON object as arguments: servers refuse any other text."""
    if not message.get("tool_calls"):
        return dict(message)
    calls = []
    for call in message["tool_calls"]:
        function = call["function"]
        calls.append({**call, "function": {**function, "arguments": as_object_text(function["arguments"])}})
    return {**message, "tool_calls": calls}


def _form(constraint: Constraint | None) -> dict[str, Any]:
    """A JSON schema as OpenAI takes it; the broker asks for nothing else."""
    if constraint is None:
        return {}
    schema = {"name": "answer", "schema": json.loads(constraint.value), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _logprobs(alternatives: int | None, *, is_chat: bool) -> dict[str, Any]:
    if alternatives is None:
        return {}
    return {"logprobs": True, "top_logprobs": alternatives} if is_chat else {"logprobs": alternatives}


def entries(answer: Mapping[str, Any], client: ServerClient, name: str = "data") -> list[dict[str, Any]]:
    """The objects of a listing.

    Raises:
        EngineError: it is none.
    """
    found = answer.get(name)
    if not isinstance(found, list) or not all(isinstance(it, dict) for it in found):
        raise client.errors.nonsense(json.dumps(answer), "a list of its models")
    return found


class Target(NamedTuple):
    """A model of a server: how to reach it, where its endpoints are, and its name there."""

    client: ServerClient
    base: str
    model: str


class OpenAIEngine:
    """``generate``, ``chat`` and ``embed`` for engines in front of such a server; ``load`` sets ``_target``."""

    _target: Target

    def generate(self, prompt: str, sampling: Sampling, coalesce_ms: float) -> TextStream:  # noqa: ARG002  # see Answer
        """Continue plain text; what a control token in it means is up to the server."""
        return self._answer("/completions", {"prompt": prompt}, sampling)

    def chat(self, conversation: Conversation, sampling: Sampling, coalesce_ms: float) -> TextStream:  # noqa: ARG002  # see Answer
        """Answer a conversation through the server's template."""
        return self._answer("/chat/completions", _conversation(conversation), sampling)

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """A vector for each text."""
        client, base, model = self._target
        answer = client.post(f"{base}/embeddings", {"model": model, "input": list(texts)})
        data = sorted(entries(answer, client), key=lambda it: size(it.get("index")))
        counts = Counts()
        _take_usage(answer.get("usage"), counts)
        return Embeddings(unit_vectors([it.get("embedding") for it in data], len(texts), client), counts.prompt or 0)

    def close(self) -> None:
        """Close what is open; streams end when their reader goes."""
        self._target.client.close()

    def _sampling(self, sampling: Sampling) -> dict[str, Any]:
        """How the server is told to choose tokens."""
        return standard_sampling(sampling)

    def _answer(self, path: str, content: Mapping[str, Any], sampling: Sampling) -> Answer:
        client, base, model = self._target
        how = {
            **self._sampling(sampling),
            **_form(sampling.constraint),
            **_logprobs(sampling.logprobs, is_chat="messages" in content),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        body = {"model": model, **content, **how}
        return Answer(lambda *watch: _pieces(client, f"{base}{path}", body, *watch), sampling)


def _pieces(client: ServerClient, path: str, body: Mapping[str, Any], control: Control, counts: Counts) -> Pieces:
    ended, calls = False, CallParts()
    for chunk in _chunks(client, event_data(client.lines(path, body, control))):
        if chunk.get("error"):
            raise client.errors.reported(chunk["error"])
        _take_usage(chunk.get("usage"), counts)
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            continue
        if choice.get("finish_reason"):
            ended, control.finish = True, "length" if choice["finish_reason"] == "length" else "stop"
            if isinstance(sequence := choice.get("stop_reason"), str):  # vLLM's; a number is a token's
                control.stop_sequence = sequence
        piece = piece_of(choice, calls)
        if piece is not None:
            yield piece
    if not ended:
        raise client.errors.cut()
    if calls.has_calls:
        control.finish = "tool_calls" if control.finish == "stop" else control.finish
        yield Piece(tokens=0, tool_calls=calls.finish())


def _chunks(client: ServerClient, events: Iterable[str]) -> Iterator[dict[str, Any]]:
    for data in events:
        if data.strip() == _END:
            return
        chunk = parse(data)
        if not isinstance(chunk, dict):
            raise client.errors.nonsense(data, "events of JSON")
        yield chunk


def unit_vectors(found: Sequence[Any], count: int, client: ServerClient) -> list[list[float]]:
    """Vectors of length 1.

    Raises:
        EngineError: these are not ``count`` vectors of numbers.
    """
    vectors = []
    for entry in found:
        vector = [number(x) for x in entry] if isinstance(entry, list) else [None]
        numbers = [x for x in vector if x is not None]
        length = math.hypot(*numbers) or 1.0
        if len(numbers) != len(vector) or not math.isfinite(length):
            break
        vectors.append([x / length for x in numbers])
    if len(vectors) != count or len({len(vector) for vector in vectors}) != 1:
        raise client.errors.nonsense(json.dumps(found[:1]), f"{count} vectors of the same length")
    return vectors


def _take_usage(usage: Any, counts: Counts) -> None:
    if isinstance(usage, dict):
        details = usage.get("prompt_tokens_details")
        cached = details.get("cached_tokens") if isinstance(details, dict) else None
        counts.take(usage.get("prompt_tokens"), usage.get("completion_tokens"), cached)
