"""Tool calls that ``max_tokens`` cuts, in every dialect, by the real model and its grammar."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tabagent_harness.http_process import HttpProcess
from tests.call_parts import whole_calls
from tests.questions import WEATHER
from tests.support import MODEL

ASK: Any = [{"role": "user", "content": "What is the weather in Paris and in Rome?"}]
CUT = 24
"""Tokens of an answer that ends in the name of the city."""
CUTS = [1, 9, 17, CUT, 34, 40]
"""From the first token of the opening mark to tokens after a whole call."""


def cut_chat(http: HttpProcess, tokens: int, *, stream: bool = False) -> dict[str, Any]:
    """Return what chat/completions answers after so many tokens: ``content``, ``calls`` and ``reason``."""
    body: Any = {"model": MODEL, "messages": ASK, "temperature": 0, "max_tokens": tokens, "stream": stream}
    answer = http.post("/v1/chat/completions", tools=[WEATHER], tool_choice="required", **body)
    if not stream:
        choice = answer.json()["choices"][0]
        message = choice["message"]
        functions = [call["function"] for call in message.get("tool_calls", [])]
        return {"content": message["content"] or "", "calls": functions, "reason": choice["finish_reason"]}
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: {")]
    choices = [json.loads(line)["choices"][0] for line in lines]
    content = "".join(choice["delta"].get("content") or "" for choice in choices)
    parts = [part for choice in choices for part in choice["delta"].get("tool_calls", [])]
    functions = [call["function"] for call in whole_calls(parts)]
    return {"content": content, "calls": functions, "reason": choices[-1]["finish_reason"]}


def test_p1_a_cut_call_has_the_arguments_so_far(talking: HttpProcess) -> None:
    whole = cut_chat(talking, 60)["calls"][0]["arguments"]
    found = {tokens: cut_chat(talking, tokens) for tokens in CUTS}
    for tokens, answer in found.items():
        assert (answer["content"], answer["reason"]) == ("", "length"), (tokens, answer)
        assert all(call["name"] == "get_weather" for call in answer["calls"])
    assert cut_chat(talking, CUT, stream=True) == found[CUT]
    firsts = [answer["calls"][0]["arguments"] if answer["calls"] else None for answer in found.values()]
    assert firsts[:3] == [None, None, ""], "within the mark and the name, and after the name"
    assert whole.startswith(firsts[3])
    assert 0 < len(firsts[3]) < len(whole)
    assert firsts[4:] == [whole, whole], "a call that lacks only its closing mark, and one with a part of another"


@pytest.mark.parametrize("stream", [False, True])
def test_p1_a_cut_call_in_the_other_dialects(talking: HttpProcess, stream: bool) -> None:
    weather = WEATHER["function"]
    ask = {"model": MODEL, "messages": ASK, "temperature": 0, "stream": stream}
    tool = {"name": weather["name"], "input_schema": weather["parameters"]}
    message = talking.post("/v1/messages", max_tokens=CUT, tools=[tool], tool_choice={"type": "any"}, **ask)
    response = talking.post(
        "/v1/responses", model=MODEL, input=ASK, temperature=0, stream=stream, max_output_tokens=CUT,
        tools=[{"type": "function", **weather}], tool_choice="required",
    )  # fmt: skip
    if stream:
        blocks = [event for event in sse(message) if event["type"] == "content_block_start"]
        assert [event["content_block"]["type"] for event in blocks] == ["tool_use"]
        json_text = "".join(
            event["delta"]["partial_json"]
            for event in sse(message)
            if "delta" in event and "partial_json" in event["delta"]
        )
        assert json_text.startswith('{"city": "Paris')
        [reason] = [event["delta"]["stop_reason"] for event in sse(message) if event["type"] == "message_delta"]
        answer = sse(response)[-1]["response"]
    else:
        [block] = message.json()["content"]
        assert (block["type"], block["name"], block["input"]["city"][:5]) == ("tool_use", "get_weather", "Paris")
        reason, answer = message.json()["stop_reason"], response.json()
    assert reason == "max_tokens"
    [item] = answer["output"]
    assert (item["type"], item["status"], answer["status"]) == ("function_call", "incomplete", "incomplete")
    assert item["arguments"].startswith('{"city": "Paris')


def sse(answer: Any) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: {")]
