"""The limits of an answer that clients send, in every dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tabagent_harness.http_process import HttpProcess
from tests.questions import CAPITAL, SYSTEM
from tests.support import MODEL

STOP = "."
BODIES: dict[str, tuple[str, dict[str, Any], str]] = {
    "chat": ("/v1/chat/completions", {"messages": CAPITAL, "stop": STOP}, "max_tokens"),
    "chat's newer name": ("/v1/chat/completions", {"messages": CAPITAL, "stop": STOP}, "max_completion_tokens"),
    "completions": ("/v1/completions", {"prompt": "The capital of France is", "stop": STOP}, "max_tokens"),
    "responses": ("/v1/responses", {"input": CAPITAL}, "max_output_tokens"),
    "messages": ("/v1/messages", {"messages": CAPITAL[1:], "system": SYSTEM, "stop_sequences": [STOP]}, "max_tokens"),
}
"""Per name: route, body, and the field that limits the answer."""


def ask(http: HttpProcess, name: str, limit: int, **more: Any) -> dict[str, Any]:
    path, body, field = BODIES[name]
    answer = http.post(path, model=MODEL, temperature=0, **body, **{field: limit}, **more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def written(answer: dict[str, Any]) -> int:
    """Return how many tokens the answer has."""
    usage = answer["usage"]
    return int(usage.get("completion_tokens", usage.get("output_tokens")))


@pytest.mark.parametrize("name", BODIES)
def test_h15_no_limit_and_a_huge_limit_are_the_context(talking: HttpProcess, name: str) -> None:
    answers = [ask(talking, name, limit) for limit in (-1, 100_000_000)]
    assert written(answers[0]) == written(answers[1]) > 0
    assert "Paris" in json.dumps(answers[0])


@pytest.mark.parametrize("name", BODIES)
def test_h15_no_tokens_read_the_prompt_only(talking: HttpProcess, name: str) -> None:
    answer = ask(talking, name, 0)
    assert written(answer) == 0
    ended = answer.get("stop_reason") or answer.get("status") or answer["choices"][0]["finish_reason"]
    assert ended in ("length", "max_tokens", "incomplete")
    assert "Paris" not in json.dumps(answer.get("choices") or answer.get("content") or answer["output"])


def test_h15_probabilities_of_an_endless_answer(talking: HttpProcess) -> None:
    answer = ask(talking, "chat", -1, logprobs=True, top_logprobs=3)
    assert len(answer["choices"][0]["logprobs"]["content"]) >= written(answer)
    nothing = ask(talking, "chat", 0, logprobs=True)
    assert nothing["choices"][0]["logprobs"]["content"] == []


def test_h15_other_numbers_below_zero_are_refused_by_name(talking: HttpProcess) -> None:
    for path, body, field in BODIES.values():
        answer = talking.post(path, model=MODEL, **body, **{field: -2})
        assert (answer.status_code, "max_tokens" in answer.text) == (400, True)
