"""Anthropic's own client for Python against the real model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import jsonschema
import pytest

from tabagent_harness.http_process import HttpProcess
from tests.http.schemas import FEW, MANY, random_schema
from tests.questions import QUESTION, SYSTEM
from tests.support import MODEL, eventually, seeds

CAPITAL: Any = [{"role": "user", "content": QUESTION}]
ASK: Any = {"model": MODEL, "max_tokens": 64, "extra_body": {"temperature": 0}}
WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 12}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


@pytest.fixture(scope="module")
def client(real: HttpProcess) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=real.address, api_key=real.token, max_retries=0, timeout=120) as it:
        yield it


def test_models(client: anthropic.Anthropic) -> None:
    assert MODEL in {it.id for it in client.models.list()}


def test_a_message(client: anthropic.Anthropic) -> None:
    answer = client.messages.create(messages=CAPITAL, system=SYSTEM, **ASK)
    [block] = answer.content
    assert block.type == "text"
    assert "Paris" in block.text
    assert (answer.stop_reason, answer.role) == ("end_turn", "assistant")
    assert answer.usage.output_tokens > 3
    with client.messages.stream(messages=CAPITAL, system=[{"type": "text", "text": SYSTEM}], **ASK) as stream:
        kinds = [it.type for it in stream]
        final = stream.get_final_message()
    assert final.content[0].text == block.text  # type: ignore[union-attr]
    assert final.stop_reason == answer.stop_reason
    assert final.usage.output_tokens == answer.usage.output_tokens
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"


def test_a_system_message_between_turns(client: anthropic.Anthropic) -> None:
    turns: Any = [{"role": "user", "content": "Hello."}, {"role": "system", "content": SYSTEM}, *CAPITAL]
    assert client.messages.create(messages=turns, **ASK).content[0].type == "text"


def test_how_it_ends(client: anthropic.Anthropic) -> None:
    cut = client.messages.create(messages=CAPITAL, **{**ASK, "max_tokens": 2})
    assert cut.stop_reason == "max_tokens"
    stopped = client.messages.create(messages=CAPITAL, system=SYSTEM, stop_sequences=["Paris"], **ASK)
    assert "Paris" not in stopped.content[0].text  # type: ignore[union-attr]
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "Paris")


def test_a_tool_is_called_and_answered(client: anthropic.Anthropic) -> None:
    for choice in ({"type": "tool", "name": "get_weather"}, {"type": "any", "disable_parallel_tool_use": True}):
        ask: Any = {**ASK, "messages": CAPITAL, "tools": [WEATHER], "tool_choice": choice}
        answer = client.messages.create(**ask)
        [call] = [it for it in answer.content if it.type == "tool_use"]
        assert (call.name, answer.stop_reason) == ("get_weather", "tool_use")
        jsonschema.validate(call.input, WEATHER["input_schema"])
        with client.messages.stream(**ask) as stream:
            parts = [event.partial_json for event in stream if event.type == "input_json"]
            [streamed] = [it for it in stream.get_final_message().content if it.type == "tool_use"]
        assert len(parts) > 1, "P4: arguments come as they are written"
        assert streamed.input == call.input
        result: Any = {
            "type": "tool_result",
            "tool_use_id": call.id,
            "content": [{"type": "text", "text": "12 degrees"}],
        }
        turns: Any = [*CAPITAL, {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
        after = client.messages.create(messages=turns, tools=[WEATHER], tool_choice={"type": "none"}, **ASK)
        assert after.content[0].type == "text"


@pytest.mark.parametrize("seed", seeds(FEW, MANY))
def test_an_answer_matches_its_schema(client: anthropic.Anthropic, seed: int) -> None:
    schema = random_schema(seed)
    form: Any = {"format": {"type": "json_schema", "schema": schema}}
    options: Any = {"max_tokens": 512, "extra_body": {"temperature": 1, "seed": seed}}
    answer = client.messages.create(messages=CAPITAL, output_config=form, **{**ASK, **options})
    assert answer.stop_reason == "end_turn"
    jsonschema.validate(json.loads(answer.content[0].text), schema)  # type: ignore[union-attr]


@pytest.mark.parametrize("stream", [True, False])
def test_leaving_stops_the_answer(real: HttpProcess, stream: bool) -> None:
    story: Any = [{"role": "user", "content": "Write a very long story."}]
    ask: Any = {**ASK, "messages": story, "max_tokens": 6000, "extra_body": {"temperature": 0}}
    limit = 60 if stream else 1
    with anthropic.Anthropic(base_url=real.address, api_key=real.token, max_retries=0, timeout=limit) as client:
        if stream:
            with client.messages.stream(**ask) as events:
                assert next(iter(events)).type == "message_start"
                assert real.active_requests() == 1
        else:
            with pytest.raises(anthropic.APITimeoutError):
                client.messages.create(**ask)
    eventually(lambda: real.active_requests() == 0, timeout_s=15)


def test_errors(client: anthropic.Anthropic, real: HttpProcess) -> None:
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(messages=CAPITAL, **{**ASK, "model": "nothing"})
    with pytest.raises(anthropic.BadRequestError, match="temperature"):
        client.messages.create(messages=CAPITAL, **{**ASK, "extra_body": {"temperature": 11}})
    url: Any = {"type": "image", "source": {"type": "url", "url": "https://example.org/x.png"}}
    with pytest.raises(anthropic.BadRequestError, match="not fetched"):
        client.messages.create(messages=[{"role": "user", "content": [url]}], **ASK)
    stranger = anthropic.Anthropic(base_url=real.address, api_key="wrong", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError), stranger:
        stranger.messages.create(messages=CAPITAL, **ASK)
