"""A client of OpenAI's dialect that reads server-sent events as they come, and takes nothing but a whole answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import httpx2

from benchmarks.workload import Answer


class BadAnswer(Exception):
    """An error, or an answer that stopped short: there is nothing to measure."""


def new_connections(address: str, headers: dict[str, str] | None = None) -> httpx2.Client:
    """A client with a connection for each request: xllamacpp's server leaves one unusable after a stream."""
    return httpx2.Client(
        base_url=address, headers=headers, timeout=120, limits=httpx2.Limits(max_keepalive_connections=0)
    )


def ask(client: httpx2.Client, path: str, **body: Any) -> Answer:
    """Answer greedily, streaming. The first token is the first event with text in it.

    Raises:
        BadAnswer: no answer, a status that is not 200, an error in the stream, no text or no end.
    """
    body |= {"temperature": 0, "stream": True, "stream_options": {"include_usage": True}}
    began = time.perf_counter()
    try:
        with client.stream("POST", path, json=body) as response:
            if response.status_code != HTTPStatus.OK:
                raise BadAnswer(f"{response.status_code} {response.read().decode(errors='replace')[:1000]}")
            return _read(response.iter_lines(), began)
    except (BadAnswer, httpx2.TransportError) as error:
        raise BadAnswer(f"{client.base_url}{path}: {error!r}") from error


def _read(lines: Iterable[str], began: float) -> Answer:
    first = 0.0
    usage: dict[str, Any] = {}
    has_ended = False
    for line in filter(None, lines):
        if line == "data: [DONE]":
            has_ended = True
            continue
        if not line.startswith("data: {") or "error" in (chunk := json.loads(line[6:])):
            raise BadAnswer(line[:1000])
        if not first and any(map(_text, chunk["choices"])):
            first = time.perf_counter() - began
        usage = chunk.get("usage") or usage
    total = time.perf_counter() - began
    if not (first and usage and has_ended):
        raise BadAnswer(f"first token after {first} s, usage {usage}, ended: {has_ended}")
    return Answer(first, total, usage["prompt_tokens"], usage["completion_tokens"])


def _text(choice: dict[str, Any]) -> str:
    text: str | None = choice["text"] if "text" in choice else choice["delta"].get("content")
    return text or ""
