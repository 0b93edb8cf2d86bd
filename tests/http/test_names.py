"""Row T20: over HTTP a model goes by its name. No path in a request is ever opened, on any route."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from native_host.protocol.messages.requests import REQUESTS
from native_host.transports.http.own import NOT_OVER_HTTP, PREFIX
from tabagent_harness.http_process import HttpProcess
from tests.support import Installation, eventually

IN_OPEN = 0x20
MESSAGES = [{"role": "user", "content": "x"}]
BODIES: dict[str, dict[str, Any]] = {
    "generate": {"prompt": "x"},
    "chat": {"messages": MESSAGES},
    "tokenize": {"text": "x"},
    "embed": {"input": "x"},
    "rerank": {"query": "x", "documents": ["x"]},
    "infer": {"inputs": {"text": "x"}},
}
ROUTES: list[tuple[str, dict[str, Any]]] = [
    *(
        (f"{PREFIX}/{action}", BODIES.get(action, {}))
        for action, request in REQUESTS.items()
        if "model" in request.model_fields and action not in NOT_OVER_HTTP
    ),
    ("/v1/chat/completions", {"messages": MESSAGES}),
    ("/v1/completions", {"prompt": "x"}),
    ("/v1/responses", {"input": "x"}),
    ("/v1/embeddings", {"input": "x"}),
    ("/v1/rerank", {"query": "x", "documents": ["x"]}),
    ("/v1/messages", {"messages": MESSAGES, "max_tokens": 5}),
    ("/api/chat", {"messages": MESSAGES}),
    ("/api/generate", {"prompt": "x"}),
    ("/api/generate", {}),
    ("/api/embed", {"input": "x"}),
    ("/api/show", {}),
    ("/api/pull", {}),
]


class Watched:
    """A file, and whether anybody has opened it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(self._events, os.fsencode(path), IN_OPEN) >= 0

    def was_opened(self) -> bool:
        try:
            return bool(os.read(self._events, 4096))
        except BlockingIOError:
            return False

    def close(self) -> None:
        os.close(self._events)


@pytest.fixture
def canary(tmp_path: Path, shared: Installation) -> Iterator[Watched]:
    """A model that could be served, where no name leads."""
    shared.chaos_model("canary")
    path = (shared.models / "canary.gguf").rename(tmp_path / "canary.gguf")
    watched = Watched(path)
    yield watched
    watched.close()


@pytest.mark.parametrize(("route", "body"), ROUTES, ids=lambda it: it if isinstance(it, str) else "")
def test_a_path_is_never_opened(http: HttpProcess, canary: Watched, route: str, body: dict[str, Any]) -> None:
    path = str(canary.path)
    for name in (
        path,
        f"/{path}",
        f"file://{path}",
        f"./../../..{path}",
        f"x/../../../../../../..{path}",
        f"~root/..{path}",
    ):
        answer = http.post(route, model=name, **body)
        assert answer.status_code == 404, (name, answer.text)
    assert not canary.was_opened()


def test_it_would_have_been_seen(http: HttpProcess, canary: Watched, shared: Installation) -> None:
    """Over native messaging, whose only caller is our extension, a path is a model."""
    with shared.host() as host:
        assert host.result("generate", prompt="{}", model=str(canary.path), engine="chaos")["event"] == "done"
    eventually(canary.was_opened)
