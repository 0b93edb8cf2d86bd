"""Every form of ``tool_choice`` means the same in every dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tabagent_harness.http_process import HttpProcess
from tests.questions import CAPITAL, WEATHER
from tests.support import MODEL

OTHER: Any = {"name": "get_time", "parameters": {"type": "object", "properties": {}, "additionalProperties": False}}
FUNCTIONS: Any = [OTHER, WEATHER["function"]]
NESTED: Any = [{"type": "function", "function": function} for function in FUNCTIONS]
FLAT: Any = [{"type": "function", **function} for function in FUNCTIONS]
LIMITED = {"max_tokens": 24, "temperature": 0}
"""Tokens that reach beyond the name of the first call."""
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": CAPITAL, "tools": NESTED, **LIMITED},
    "/v1/responses": {"input": CAPITAL, "tools": FLAT, "max_output_tokens": 24, "temperature": 0},
    "/v1/messages": {
        "messages": CAPITAL[1:],
        "tools": [{"name": it["name"], "input_schema": it["parameters"]} for it in FUNCTIONS],
        **LIMITED,
    },
    "/api/chat": {"messages": CAPITAL, "tools": NESTED, "stream": False, "options": {"num_predict": 24}},
    "/tabagent/v1/chat": {"messages": CAPITAL, "tools": NESTED, "options": LIMITED},
}


def called(answer: Any) -> str:
    """Return the part of a response's JSON that has its calls."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return json.dumps(
        next(body[part] for part in ("choices", "output", "content", "message", "tool_calls") if part in body)
    )


def only(name: str, mode: str = "required") -> list[dict[str, Any]]:
    """Return both of OpenAI's forms that allow one tool."""
    nested = {"mode": mode, "tools": [{"type": "function", "function": {"name": name}}]}
    flat = {"mode": mode, "tools": [{"type": "function", "name": name}]}
    return [{"type": "allowed_tools", "allowed_tools": nested}, {"type": "allowed_tools", **flat}]


@pytest.mark.parametrize("path", BODIES)
def test_h22_only_allowed_tools_are_called(talking: HttpProcess, path: str) -> None:
    for choice in only("get_weather"):
        answer = talking.post(path, model=MODEL, **BODIES[path], tool_choice=choice)
        assert ("get_weather" in called(answer), "get_time" in called(answer)) == (True, False), answer.text


@pytest.mark.parametrize("path", BODIES)
def test_h22_any_means_required(talking: HttpProcess, path: str) -> None:
    for choice in ("any", {"type": "any"}, "required"):
        answer = talking.post(path, model=MODEL, **BODIES[path], tool_choice=choice)
        assert "get_" in called(answer), answer.text


@pytest.mark.parametrize("path", BODIES)
def test_h22_unknown_tools_are_refused_by_name(talking: HttpProcess, path: str) -> None:
    wrong: list[Any] = [
        *only("fly"),
        *only("get_time", "sometimes"),
        {"type": "mcp"},
        "some",
        {"type": "allowed_tools"},
    ]
    wrong += [{"type": "allowed_tools", "allowed_tools": 7}, {"type": ["any"]}, {"type": "function"}, 3, []]
    wrong += [{"type": "allowed_tools", "mode": "required", "tools": []}]
    for choice in wrong:
        answer = talking.post(path, model=MODEL, **BODIES[path], tool_choice=choice)
        assert answer.status_code == 400, (choice, answer.text)
        assert "tool_choice" in answer.text, (choice, answer.text)


def test_h22_a_response_repeats_the_choice_in_its_own_form(talking: HttpProcess) -> None:
    choice = only("get_weather")[1]
    for given in (choice, {"type": "function", "name": "get_weather"}):
        answer = talking.post("/v1/responses", model=MODEL, **BODIES["/v1/responses"], tool_choice=given)
        assert answer.json()["tool_choice"] == given
