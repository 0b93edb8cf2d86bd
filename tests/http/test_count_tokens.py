"""Routes that count the tokens of a prompt, and the objects of the Responses API."""

from __future__ import annotations

import json
from typing import Any

from tabagent_harness.http_process import HttpProcess
from tests.questions import QUESTION, SYSTEM, WEATHER
from tests.support import MODEL

REQUIRED = {
    *("id", "object", "created_at", "completed_at", "status", "incomplete_details", "model", "previous_response_id"),
    *("instructions", "output", "error", "tools", "tool_choice", "truncation", "parallel_tool_calls", "text", "top_p"),
    *("presence_penalty", "frequency_penalty", "top_logprobs", "temperature", "reasoning", "usage", "metadata"),
    *("max_output_tokens", "max_tool_calls", "store", "background", "service_tier", "safety_identifier"),
    "prompt_cache_key",
}
"""Required fields of Open Responses' ResponseResource: https://www.openresponses.org/openapi/openapi.json"""
ASK: dict[str, Any] = {"model": MODEL, "input": QUESTION, "instructions": SYSTEM}


def test_p2_a_response_has_every_required_field_with_the_value_in_force(talking: HttpProcess) -> None:
    answer = talking.post("/v1/responses", **ASK, max_output_tokens=1).json()
    assert answer.keys() >= REQUIRED
    assert (answer["temperature"], answer["top_p"], answer["top_logprobs"]) == (0.8, 0.95, 0)
    assert (answer["presence_penalty"], answer["frequency_penalty"]) == (0, 0)
    assert (answer["status"], answer["completed_at"], answer["background"]) == ("incomplete", None, False)
    assert answer["text"] == {"format": {"type": "text"}}
    whole = talking.post("/v1/responses", **ASK, temperature=0, top_p=0.5, prompt_cache_key="k").json()
    assert (whole["temperature"], whole["top_p"], whole["prompt_cache_key"]) == (0, 0.5, "k")
    assert whole["completed_at"] >= whole["created_at"]


def test_p2_input_tokens_are_those_of_an_answer(talking: HttpProcess) -> None:
    for more in ({}, {"tools": [{"type": "function", **WEATHER["function"]}]}):
        counted = talking.post("/v1/responses/input_tokens", **ASK, **more).json()
        used = talking.post("/v1/responses", **ASK, **more, max_output_tokens=1).json()["usage"]
        assert counted == {"object": "response.input_tokens", "input_tokens": used["input_tokens"]}


def test_p2_compact_is_refused_in_form(talking: HttpProcess) -> None:
    refused = talking.post("/v1/responses/compact", **ASK)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unsupported_operation")


def test_h13_counted_tokens_are_those_of_an_answer(talking: HttpProcess) -> None:
    ask: dict[str, Any] = {"model": MODEL, "system": SYSTEM, "messages": [{"role": "user", "content": QUESTION}]}
    counted = talking.post("/v1/messages/count_tokens", **ask)
    assert counted.status_code == 200, counted.text
    used = talking.post("/v1/messages", **ask, max_tokens=1).json()["usage"]
    assert counted.json() == {"input_tokens": used["input_tokens"] + used["cache_read_input_tokens"]}
    empty = talking.post("/v1/messages/count_tokens", model=MODEL, messages=[])
    assert (empty.status_code, empty.json()["type"]) == (400, "error")


def test_p8_a_stream_begins_with_the_tokens_of_its_prompt(talking: HttpProcess) -> None:
    turns: Any = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}], "max_tokens": 3}
    for more in ({}, {"tools": [{"name": "get_weather", "input_schema": {"type": "object"}}]}):
        used = talking.post("/v1/messages", **turns, **more).json()["usage"]
        lines = talking.post("/v1/messages", **turns, **more, stream=True).text.splitlines()
        events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        assert events[0]["type"] == "message_start"
        started = events[0]["message"]["usage"]["input_tokens"]
        assert started == used["input_tokens"] + used["cache_read_input_tokens"] > 10
