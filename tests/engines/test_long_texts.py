"""Row S14: a text that cannot fit is refused before it is tokenised, by every engine; a cancel is heard at once."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pytest

from tests.engines.conftest import Loaded, needs
from tests.support import best_of

SIZE = 15 * 2**20
LIMIT_S = 5
"""Seconds in which a request of 15 MiB is refused; tokenising it took minutes."""
LONG = {"words": "word " * (SIZE // 5), "spaces": " " * SIZE, "one letter": "a" * SIZE}
FIELDS: dict[str, Any] = {
    "generate": lambda text: {"prompt": text},
    "chat": lambda text: {"messages": [{"role": "user", "content": text}]},
    "embed": lambda text: {"input": text},
    "rerank": lambda text: {"query": "a", "documents": ["b", text]},
    "infer": lambda text: {"inputs": {"text": text}},
}


@needs(file=True)
@pytest.mark.parametrize("kind", ["words", "spaces", pytest.param("one letter", marks=pytest.mark.long)])
def test_s14_a_text_of_15_mib_is_refused_at_once(loaded: Loaded, kind: str) -> None:
    is_for_texts = loaded.sample.infer is not None and "text" in loaded.sample.infer()
    actions = [action for action in loaded.sample.actions if action in FIELDS and (action != "infer" or is_for_texts)]

    def seconds(action: str) -> float:
        began = time.monotonic()
        last = loaded.ask(action, **FIELDS[action](LONG[kind]), timeout_s=60)
        took = time.monotonic() - began
        if loaded.engine != "mediapipe":  # whose models cut a text to what they take
            error = last["error"]
            assert error["code"] == "context_overflow", (action, error)
            details = error["details"]
            assert details["prompt_tokens"] > details["context_length"] > 0
        return took

    for action in actions:
        assert best_of(partial(seconds, action), LIMIT_S) < LIMIT_S, action


@needs("tokenize", file=True, one=True)
def test_s14_a_cancel_is_heard_while_a_text_is_tokenised(loaded: Loaded) -> None:
    def seconds() -> float:
        request = loaded.host.send("tokenize", text=LONG["words"][: 2**20], **loaded.model)
        loaded.host.result("status")
        began = time.monotonic()
        loaded.host.result("cancel", target=request)
        last = list(loaded.host.events(request, timeout_s=60))[-1]
        assert last["event"] in ("cancelled", "done"), last
        return time.monotonic() - began

    assert best_of(seconds, 1) < 1
