"""What every engine that answers keeps: schemas, grammars, tools, probabilities. Its models are test_contract's."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from tests.call_parts import whole_calls
from tests.engines.conftest import Loaded, needs
from tests.questions import CAPITAL

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "maxLength": 20}},
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "tell_time",
            "parameters": {
                "type": "object",
                "properties": {"zone": {"type": "string", "enum": ["UTC", "CET"]}},
                "required": ["zone"],
                "additionalProperties": False,
            },
        },
    },
]
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


@needs("chat")
def test_answers_match_a_schema(loaded: Loaded) -> None:

    def answer(schema: Mapping[str, Any], **options: Any) -> dict[str, Any]:
        form = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
        asked = [{"role": "user", "content": "Describe a person."}]
        return loaded.ask("chat", messages=asked, options={"max_tokens": 80, "response_format": form, **options})

    if not loaded.can("json_schema"):
        assert answer(PERSON)["error"]["code"] == "unsupported_task"
        return
    for seed in range(3):
        person = json.loads(answer(PERSON, seed=seed)["result"]["text"])
        assert set(person) == {"name", "age"}
        assert len(person["name"]) <= 12
        assert 0 <= person["age"] <= 120
    assert answer({"type": "strin"})["event"] == "error"


@needs("chat")
def test_answers_match_a_grammar(loaded: Loaded) -> None:

    def answer(kind: str, value: str) -> dict[str, Any]:
        asked = [{"role": "user", "content": "Describe a person."}]
        return loaded.ask("chat", messages=asked, options={"grammar": {"type": kind, "value": value}})

    if not loaded.can("grammar"):
        assert answer("regex", "x")["error"]["code"] == "unsupported_task"
        return
    number = answer("regex", "[0-9]{3}-[A-Z]{2}")["result"]
    assert re.fullmatch("[0-9]{3}-[A-Z]{2}", number["text"])
    assert number["finish_reason"] == "stop"
    assert answer("gbnf", 'root ::= "yes" | "no"')["result"]["text"] in {"yes", "no"}
    assert answer("lark", 'start: "maybe"')["result"]["text"] == "maybe"
    assert answer("regex", "(")["error"]["code"] == "bad_param"
    assert answer("gbnf", "nonsense")["error"]["code"] == "bad_param"
    pid = loaded.pid()
    chain = "\n".join(["start: r0", *(f"r{number}: r{number + 1}" for number in range(5000)), 'r5000: "a"'])
    deep = answer("lark", chain)
    assert deep["event"] == "done" or deep["error"]["code"] == "bad_param", deep
    assert loaded.pid() == pid


@needs("chat")
def test_tools_are_called_as_they_are_chosen(loaded: Loaded) -> None:

    def answer(**fields: Any) -> dict[str, Any]:
        asked = [{"role": "user", "content": "What is the weather in Paris?"}]
        options = {"max_tokens": 100, "temperature": 0}
        return loaded.ask("chat", messages=asked, tools=TOOLS, options=options, **fields)

    if not loaded.can("tools"):
        assert answer()["error"]["code"] == "unsupported_task"
        return
    free = answer()["result"]
    assert bool(free["tool_calls"]) == (free["finish_reason"] == "tool_calls")
    silent = answer(tool_choice="none")["result"]
    assert (silent["tool_calls"], bool(silent["text"])) == ([], True)
    one = {"type": "function", "function": {"name": "tell_time"}}
    if not loaded.can("tool_choice"):
        assert answer(tool_choice=one)["error"]["code"] == "unsupported_task"
        return
    request = loaded.host.send(
        "chat", messages=CAPITAL, tools=TOOLS, tool_choice=one, options={"max_tokens": 100}, **loaded.model
    )
    *events, last = loaded.host.events(request)
    assert last["event"] == "done", last
    assert (last["result"]["text"], last["result"]["finish_reason"]) == ("", "tool_calls")
    (call,) = last["result"]["tool_calls"]
    assert call["function"]["name"] == "tell_time"
    assert json.loads(call["function"]["arguments"])["zone"] in {"UTC", "CET"}
    told = [part for event in events if event["event"] == "token" for part in event.get("tool_calls", ())]
    assert whole_calls(told) == [call], "P4: its parts are all of it"
    assert len(told) > 1, "P4: the arguments come after the name"
    forced = answer(tool_choice="required", parallel_tool_calls=False)["result"]
    assert [call["function"]["name"] in {"tell_time", "get_weather"} for call in forced["tool_calls"]] == [True]


@needs("chat")
def test_the_answer_to_a_call_is_read(loaded: Loaded) -> None:
    if not loaded.can("tools"):
        return
    call = {"id": "call_1", "type": "function", "function": {"name": "tell_time", "arguments": '{"zone": "UTC"}'}}
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "What time is it?"}]},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "It is noon."},
    ]
    last = loaded.ask("chat", messages=turns, tools=TOOLS, options={"max_tokens": 8})
    assert last["event"] == "done", last


@needs("chat")
def test_how_likely_tokens_were(loaded: Loaded) -> None:
    options = {"max_tokens": 6, "temperature": 0, "logprobs": True, "top_logprobs": 3}
    if not loaded.can("logprobs"):
        assert loaded.ask("chat", messages=CAPITAL, options=options)["error"]["code"] == "unsupported_task"
        return
    *events, last = loaded.host.events(loaded.host.send("chat", messages=CAPITAL, options=options, **loaded.model))
    result = last["result"]
    found = result["logprobs"]
    assert len(found) == result["usage"]["completion_tokens"]
    assert b"".join(bytes(it["bytes"]) for it in found).decode() == result["text"]
    for it in found:
        top = [other["logprob"] for other in it["top_logprobs"]]
        assert it["logprob"] == top[0] <= 0, "greedy takes the likeliest"
        assert top == sorted(top, reverse=True)
        assert sum(map(math.exp, top)) <= 1.0001
    streamed = [it for event in events if event["event"] == "token" for it in event.get("logprobs", ())]
    assert streamed == found
    assert loaded.ask("chat", messages=CAPITAL, options={"max_tokens": 2})["result"]["logprobs"] is None
