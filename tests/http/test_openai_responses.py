"""OpenAI's own client for Python and ``/v1/responses`` against the real model."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import openai
import pytest

from tests.http.schemas import random_schema
from tests.questions import QUESTION, SYSTEM, WEATHER
from tests.support import MODEL


def test_responses(client: openai.OpenAI) -> None:
    ask: Any = {"model": MODEL, "temperature": 0, "max_output_tokens": 64}
    answer = client.responses.create(input=QUESTION, instructions=SYSTEM, **ask)
    assert "Paris" in answer.output_text
    assert answer.status == "completed"
    assert answer.usage is not None
    with client.responses.stream(input=QUESTION, instructions=SYSTEM, **ask) as stream:
        kinds = [it.type for it in stream]
        assert stream.get_final_response().output_text == answer.output_text
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    followed = client.responses.create(
        input=[
            {"role": "user", "content": QUESTION},
            *answer.output,  # type: ignore[list-item]  # the client's own way to carry on
            {"role": "user", "content": "And of Italy?"},
        ],
        **ask,
    )
    assert followed.output_text
    for item, why in (({"type": "item_reference", "id": "msg_1"}, "not kept"), ({"type": "mcp_call"}, "type")):
        with pytest.raises(openai.BadRequestError, match=why) as refused:
            client.responses.create(input=[{"role": "user", "content": QUESTION}, item], **ask)  # type: ignore[list-item]
        assert refused.value.param == "input.1"
    cut = client.responses.create(input="Tell a long story.", **{**ask, "max_output_tokens": 2})
    assert (cut.status, getattr(cut.incomplete_details, "reason", None)) == ("incomplete", "max_output_tokens")


def test_responses_with_tools_and_schemas(client: openai.OpenAI) -> None:
    ask: Any = {"model": MODEL, "temperature": 0, "max_output_tokens": 128}
    tool: Any = {"type": "function", "strict": True, **WEATHER["function"]}
    asked: Any = [{"role": "user", "content": "Weather in Rome?"}]
    answer = client.responses.create(
        input=asked, tools=[tool], tool_choice={"type": "function", "name": "get_weather"}, **ask
    )
    [call] = [it for it in answer.output if it.type == "function_call"]
    jsonschema.validate(json.loads(call.arguments), WEATHER["function"]["parameters"])
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "12 degrees"}
    after = client.responses.create(input=[*asked, call, result], tools=[tool], tool_choice="none", **ask)
    assert after.output_text
    with client.responses.stream(
        input=asked, tools=[tool], tool_choice="required", parallel_tool_calls=False, **ask
    ) as stream:
        parts = [event.delta for event in stream if event.type == "response.function_call_arguments.delta"]
        [streamed] = stream.get_final_response().output
    assert streamed.type == "function_call"
    assert len(parts) > 1, "P4: arguments come as they are written"
    assert "".join(parts) == streamed.arguments
    form: Any = {"format": {"type": "json_schema", "name": "it", "schema": random_schema(3), "strict": True}}
    jsonschema.validate(
        json.loads(client.responses.create(input="Go.", text=form, **ask).output_text), random_schema(3)
    )
    with pytest.raises(openai.BadRequestError, match="previous_response_id"):
        client.responses.create(input="x", previous_response_id="resp_1", **ask)
