"""What the small model of the other tests does not do: pictures on their way in, thoughts on their way out."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from native_host.protocol.messages.validation import parse_request
from native_host.transports.http.anthropic import messages as anthropic_messages
from native_host.transports.http.anthropic import shapes as anthropic_shapes
from native_host.transports.http.anthropic import translate as anthropic
from native_host.transports.http.failures import Failure
from native_host.transports.http.ollama import answers as ollama_answers
from native_host.transports.http.ollama import models as ollama_models
from native_host.transports.http.ollama import shapes as ollama_shapes
from native_host.transports.http.ollama import translate as ollama
from native_host.transports.http.openai import chat
from native_host.transports.http.openai.chat_shapes import ChatCompletionBody
from native_host.transports.http.openai.responses_in import request_of
from native_host.transports.http.openai.responses_out import Answer
from native_host.transports.http.openai.responses_shapes import ResponseBody
from native_host.transports.http.sampling import seconds

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()
URL = f"data:image/png;base64,{PNG}"
CALL: Any = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": "sky"}'}}
SEEN: Any = [{"type": "image_url", "image_url": {"url": URL}}, {"type": "text", "text": "What is it?"}]
RESULT: Any = {
    "text": "Blue.",
    "reasoning": "Hm.",
    "tool_calls": [CALL],
    "logprobs": None,
    "finish_reason": "tool_calls",
    "stop_sequence": None,
    "model": "m",
    "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "cached_tokens": 3},
    "timings": {"queue_ms": 0.0, "load_ms": 0.0, "prefill_ms": 1.0, "decode_ms": 1.0},
}
TOKENS: Any = [{"text": "", "reasoning": "Hm."}, {"text": "Bl"}, {"text": "ue."}, {"text": "", "tool_calls": [CALL]}]


def asked(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages, once the protocol has taken them."""
    request: Any = parse_request({"id": 1, "action": "chat", **fields})
    return [message.model_dump(exclude_none=True) for message in request.messages]


def sse(pieces: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(piece.decode().partition("data: ")[2]) for piece in pieces]


def test_pictures_and_calls_come_in_alike() -> None:
    """Every dialect's own way to say: a picture, a call, its result."""
    turns: Any = [
        {"role": "user", "content": SEEN},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "blue"},
    ]
    [openai] = chat.requests_of(ChatCompletionBody(model="m", messages=turns))
    responses = request_of(
        ResponseBody.model_validate(
            {
                "model": "m",
                "input": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "input_image", "image_url": URL, "detail": "auto"},
                            {"type": "input_text", "text": "What is it?"},
                        ],
                    },
                    {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"at": "sky"}'},
                    {"type": "function_call_output", "call_id": "call_1", "output": "blue"},
                ],
            }
        )
    )
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    used = {"type": "tool_use", "id": "call_1", "name": "look", "input": {"at": "sky"}}
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "blue"}
    messages = [
        {"role": "user", "content": [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": ""}, used]},
        {"role": "user", "content": [result]},
    ]
    body = anthropic_shapes.MessagesBody.model_validate({"model": "m", "max_tokens": 5, "messages": messages})
    function = {"name": "look", "arguments": {"at": "sky"}}
    said = [
        {"role": "user", "content": "What is it?", "images": [PNG]},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "call_1", "function": function}]},
        {"role": "tool", "tool_name": "look", "content": "blue"},
    ]
    old = ollama.chat_of(ollama_shapes.ChatBody.model_validate({"model": "m", "messages": said}))
    wanted = asked(openai)
    assert asked(responses) == asked(anthropic.request_of(body)) == wanted
    ours = asked(old)
    assert ours[1].pop("content") == ""  # which Ollama always writes
    assert ours == wanted


def test_thoughts_and_calls_go_out_as_openai_has_them() -> None:
    message = chat.completion([RESULT])["choices"][0]["message"]
    assert message == {
        "role": "assistant",
        "content": "Blue.",
        "refusal": None,
        "reasoning_content": "Hm.",
        "tool_calls": [CALL],
    }


def test_responses_whole_and_streamed_have_the_same_items() -> None:
    body = ResponseBody(model="m", input="x")
    whole = Answer(body).whole(RESULT)
    answer = Answer(body)
    events = sse([*answer.begin(), *(piece for token in TOKENS for piece in answer.add(token)), *answer.end(RESULT)])
    assert [it["sequence_number"] for it in events] == list(range(len(events)))
    final = events[-1]["response"]
    strip = [{name: it[name] for name in it if name != "id"} for it in final["output"]]
    assert strip == [{name: it[name] for name in it if name != "id"} for it in whole["output"]]
    assert [it["type"] for it in final["output"]] == ["reasoning", "message", "function_call"]
    assert {it["status"] for it in final["output"]} == {"completed"}
    opened = [it for it in events if it["type"] == "response.output_item.added"]
    assert [it["output_index"] for it in opened] == [0, 1, 2]


def test_anthropics_blocks_whole_and_streamed() -> None:
    whole = anthropic.blocks_of(RESULT)
    assert [it["type"] for it in whole] == ["thinking", "text", "tool_use"]
    assert whole[2]["input"] == {"at": "sky"}
    blocks = anthropic_messages._Blocks()
    events = sse([*(piece for token in TOKENS for piece in blocks.add(token)), *blocks.end(RESULT)])
    started = [it["content_block"]["type"] for it in events if it["type"] == "content_block_start"]
    stopped = [it["index"] for it in events if it["type"] == "content_block_stop"]
    assert (started, stopped) == (["thinking", "text", "tool_use"], [0, 1, 2])
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert events[-2]["usage"]["input_tokens"] + events[-2]["usage"]["cache_read_input_tokens"] == 9


def test_ollamas_message() -> None:
    message = ollama_answers._said(RESULT)["message"]
    assert message["thinking"] == "Hm."
    assert message["tool_calls"][0]["function"] == {"name": "look", "arguments": {"at": "sky"}}


@pytest.mark.parametrize(
    ("task", "template", "engine", "able"),
    [
        ("text-generation", True, "one", ["completion", "tools"]),
        ("text-generation", False, "one", ["completion"]),
        ("text-generation", True, "other", ["completion"]),
        ("image-text-to-text", True, "one", ["completion", "tools", "vision"]),
        ("feature-extraction", True, "one", ["embedding"]),
        (None, True, None, ["completion"]),
    ],
)
def test_what_ollamas_clients_are_told_of_a_model(
    task: str | None, template: bool, engine: str | None, able: list[str]
) -> None:
    engines: Any = [{"name": "one", "capabilities": ["seed", "tools"]}, {"name": "other", "capabilities": ["seed"]}]
    place = {"Python": {"engine": engine, "reason": "", "obstacles": []}} if engine else None
    assert ollama_models._capabilities({"task": task, "chat_template": template, "backend": place}, engines) == able


def test_ollamas_numbers_below_zero() -> None:
    """No limit but the context, and a seed of its own each time."""
    turns: Any = [{"role": "user", "content": "x"}]
    probabilities = {"logprobs": True, "top_logprobs": 4}  # of which the protocol takes fewer
    for limit, seed, more, wanted in (
        (-1, -1, {}, (1_000_000, None)),
        (-2, -7, probabilities, (40_000, None)),
        (5, 0, probabilities, (5, 0)),
    ):
        options = {"num_predict": limit, "seed": seed}
        body = ollama_shapes.ChatBody.model_validate({"model": "m", "messages": turns, "options": options, **more})
        request: Any = parse_request({"id": 1, "action": "chat", **ollama.chat_of(body)})
        assert (request.options.max_tokens, request.options.seed) == wanted


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        *((None, None), (0, 0), (-1, -1), (-5.0, -1), (90, 90), ("90", 90), ("1.5", 1.5), ("0", 0), (" 10m ", 600)),
        *(("5m0s", 300), ("1h30m", 5400), ("1.5h", 5400), ("300ms", 0.3), ("+2s", 2), (".5s", 0.5), ("1.s", 1)),
        *(("1h2m3s4ms5us6µs7ns", 3723.004011007), ("-1", -1), ("-1m", -1), ("-1m30s", -1), ("-0s", 0)),
    ],
)
def test_durations(told: Any, meant: float | None) -> None:
    assert seconds(told) == (meant if meant is None else pytest.approx(meant))


@pytest.mark.parametrize(
    "told",
    ["", " ", "soon", "m", "5 m", "5m 3s", "5m3", "1h-3m", "--1", "1e3", "٣s", "5x", ".", "9" * 400, "1s" * 50_000],
)
def test_what_is_no_duration(told: str) -> None:
    with pytest.raises(Failure, match="duration"):
        seconds(told)
