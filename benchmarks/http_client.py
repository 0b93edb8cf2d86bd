"""A client of ``/v1/completions`` over HTTP with server-sent events, with no more in it than measuring needs."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

from benchmarks.workload import Answer


def ask(port: int, text: str, max_tokens: int, **more: Any) -> Answer:
    """Generate, greedily. ``more``: ``model``, and ``token`` where one is asked for."""
    headers = {"Content-Type": "application/json"}
    if token := more.pop("token", None):
        headers["Authorization"] = f"Bearer {token}"
    body = {"prompt": text, "max_tokens": max_tokens, "temperature": 0, "stream": True, **more}
    body["stream_options"] = {"include_usage": True}
    connection = http.client.HTTPConnection("127.0.0.1", port)
    began = time.perf_counter()
    connection.request("POST", "/v1/completions", json.dumps(body), headers)
    response = connection.getresponse()
    if response.status != http.client.OK:
        raise RuntimeError(response.read().decode())
    first = 0.0
    usage: dict[str, Any] = {}
    for line in response:
        if not line.startswith(b"data: {"):
            continue
        chunk = json.loads(line[6:])
        if chunk.get("choices"):
            first = first or time.perf_counter() - began
        usage = chunk.get("usage") or usage
    total = time.perf_counter() - began
    connection.close()
    return Answer(first or total, total, usage["prompt_tokens"], usage["completion_tokens"])
