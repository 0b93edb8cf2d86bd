"""What ``done`` carries for what a model is asked: answers, tokens, vectors, ranks."""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue

from native_host.protocol.messages.base import Message
from native_host.protocol.messages.chat import ToolCall
from native_host.protocol.messages.events import TokenLogprob
from native_host.protocol.messages.results.loading import EngineFallback


class Usage(Message):
    """Tokens. ``cached_tokens`` of the prompt were already in the KV cache."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int


class Timings(Message):
    """Where the time of an answer went."""

    queue_ms: float
    load_ms: float
    prefill_ms: float
    decode_ms: float
    time_to_first_token_ms: float
    prefill_tokens_per_second: float
    decode_tokens_per_second: float


class GenerateResult(Message):
    """Answer to ``generate`` and ``chat``. ``logprobs`` only where they were asked for.

    ``stop_sequence``: the one that ended it, where that is known. ``fallback_template``: the template that a
    conversation was written with because the model carries none; null otherwise. ``chat_template_changed``: the model
    had another chat template, or none, when it was loaded before.
    """

    text: str
    reasoning: str
    tool_calls: list[ToolCall]
    logprobs: list[TokenLogprob] | None
    finish_reason: Literal["stop", "length", "tool_calls"]
    stop_sequence: str | None
    fallback_template: str | None = None
    chat_template_changed: bool = False
    model: str
    engine: str
    fallbacks: list[EngineFallback]
    usage: Usage
    timings: Timings


class TokenizeResult(Message):
    """Answer to ``tokenize``."""

    tokens: list[int]
    count: int


class InputUsage(Message):
    """Tokens of what was given."""

    prompt_tokens: int
    total_tokens: int


class EmbedResult(Message):
    """Answer to ``embed``: a vector of length 1 for each text, in their order."""

    model: str
    engine: str
    embeddings: list[list[float]]
    usage: InputUsage


class RankedDocument(Message):
    """A document's place in the request, and how well it answers the query (0 to 1)."""

    index: int
    relevance_score: float


class RerankResult(Message):
    """Answer to ``rerank``, the best first."""

    model: str
    engine: str
    results: list[RankedDocument]
    usage: InputUsage


class InferResult(Message):
    """Answer to ``infer``; ``output`` is as the hub's Inference API has it for the task."""

    model: str
    engine: str
    task: str | None
    output: JsonValue
