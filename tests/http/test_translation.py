"""What the small model of the other tests does not do: pictures on their way in, thoughts on their way out."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from backends.contract import Conversation
from backends.http.openai import _conversation as openai_body
from backends.ollama.messages import conversation_body as ollama_body
from native_host.protocol.errors import TabAgentError
from native_host.protocol.messages.validation import parse_request
from native_host.transports.http.anthropic import messages as anthropic_messages
from native_host.transports.http.anthropic import shapes as anthropic_shapes
from native_host.transports.http.anthropic import translate as anthropic
from native_host.transports.http.failures import Failure
from native_host.transports.http.ollama import answers as ollama_answers
from native_host.transports.http.ollama import shapes as ollama_shapes
from native_host.transports.http.ollama import shown
from native_host.transports.http.ollama import translate as ollama
from native_host.transports.http.openai import chat
from native_host.transports.http.openai.chat_shapes import ChatCompletionBody
from native_host.transports.http.openai.responses_in import request_of
from native_host.transports.http.openai.responses_out import Answer
from native_host.transports.http.openai.responses_shapes import ResponseBody
from native_host.transports.http.sampling import seconds
from native_host.transports.http.service import Service

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
ASK: Any = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
LOOK: Any = {"type": "function", "function": {"name": "look"}}
NAMED: Any = {"type": "function", "function": {"name": "listen"}}
NOTHING: Any = {"a": {"content": []}, "b": {"content": None}, "c": {}}
PARTS: Any = [
    {"index": 0, **CALL, "function": {"name": "look", "arguments": ""}},
    {"index": 0, "function": {"arguments": '{"at": '}},
    {"index": 0, "function": {"arguments": '"sky"}'}},
]
TOKENS: Any = [
    *({"text": "", "reasoning": "Hm."}, {"text": "Bl"}, {"text": "ue."}),
    *({"text": "", "tool_calls": [part]} for part in PARTS),
]


def asked(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages, once the protocol has taken them."""
    request: Any = parse_request({"id": 1, "action": "chat", **fields})
    return [message.model_dump(exclude_none=True) for message in request.messages]


def of_anthropic(*turns: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the protocol is asked for turns of Anthropic's."""
    fields = {"model": "m", "max_tokens": 5, "messages": list(turns), **more}
    return anthropic.request_of(anthropic_shapes.MessagesBody.model_validate(fields))


def sse(pieces: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(piece.decode().partition("data: ")[2]) for piece in pieces]


def test_pictures_and_calls_come_in_alike() -> None:
    """Every dialect's own way to say: a picture, a call, its result."""
    turns: Any = [
        {"role": "user", "content": SEEN},
        {"role": "assistant", "tool_calls": [CALL], "reasoning_content": "Hm."},
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
                    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
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
        {"role": "assistant", "content": "", "thinking": "Hm.", "tool_calls": [{"id": "call_1", "function": function}]},
        {"role": "tool", "tool_name": "look", "content": "blue"},
    ]
    old = ollama.chat_of(ollama_shapes.ChatBody.model_validate({"model": "m", "messages": said}))
    wanted = asked(openai)
    assert asked(responses) == asked(anthropic.request_of(body)) == wanted
    ours = asked(old)
    assert ours[1].pop("content") == ""  # which Ollama always writes
    assert ours == wanted


def test_no_parts_are_an_empty_text() -> None:
    """Of a result, of what the model said, in every dialect; and null where a dialect lets it be left out."""
    turns: Any = [{"role": "assistant", "content": [], "tool_calls": [CALL]}, {"role": "assistant", "content": []}]
    turns.append({"role": "tool", "tool_call_id": "call_1", "content": []})
    [openai] = chat.requests_of(ChatCompletionBody(model="m", messages=turns))
    assert [it["content"] for it in asked(openai)] == ["", "", ""]
    items: Any = [
        {"role": "assistant", "content": []},
        {"type": "function_call_output", "call_id": "call_1", "output": []},
    ]
    responses = request_of(ResponseBody.model_validate({"model": "m", "input": items}))
    assert [it["content"] for it in asked(responses)] == ["", ""]
    results: Any = [{"type": "tool_result", "tool_use_id": it, **more} for it, more in NOTHING.items()]
    assert [it["content"] for it in asked(of_anthropic({"role": "user", "content": results}))] == ["", "", ""]


def test_a_result_that_is_an_error_says_so() -> None:
    results: Any = [
        {"type": "tool_result", "tool_use_id": "a", "content": "no city", "is_error": True},
        {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "no"}], "is_error": True},
        {"type": "tool_result", "tool_use_id": "c", "content": "12", "is_error": None},
    ]
    first, second, third = asked(of_anthropic({"role": "user", "content": results}))
    assert (first["content"], third["content"]) == ("Error: no city", "12")
    assert [part["text"] for part in second["content"]] == ["Error:", "no"]


def test_anthropics_system_messages_between_turns() -> None:
    texts = [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]
    turns: Any = [
        {"role": "user", "content": "Hello."},
        {"role": "system", "content": texts},
        {"role": "system", "content": "Go."},
    ]
    assert asked(of_anthropic(*turns))[1:] == [
        {"role": "system", "content": "Be brief.\n\nBe kind."},
        {"role": "system", "content": "Go."},
    ]


def test_what_was_refused_is_a_text() -> None:
    said: Any = [{"type": "text", "text": "Hm."}, {"type": "refusal", "refusal": "No."}]
    body = ChatCompletionBody.model_validate({"model": "m", "messages": [{"role": "assistant", "content": said}]})
    [message] = asked(chat.requests_of(body)[0])
    assert [part["text"] for part in message["content"]] == ["Hm.", "No."]


def test_a_schema_beside_json_object_is_kept_to() -> None:
    for more, wanted in (({"schema": {"type": "array"}}, {"type": "array"}), ({"schema": None}, None), ({}, None)):
        form = {"type": "json_object", **more}
        [fields] = chat.requests_of(ChatCompletionBody.model_validate({**ASK, "response_format": form}))
        request: Any = parse_request({"id": 1, "action": "chat", **fields})
        taken = request.options.response_format
        assert (taken.json_schema.schema_ if taken.json_schema else None) == wanted


@pytest.mark.parametrize(
    ("more", "path", "what"),
    [
        ({"tool_choice": "required"}, "tool_choice", "there are no tools"),
        ({"tool_choice": NAMED}, "tool_choice", "is not among the tools"),
        ({"tools": [LOOK], "tool_choice": NAMED}, "tool_choice", "is not among the tools"),
        ({"tools": [LOOK, LOOK]}, "tools", "names of their own"),
    ],
)
def test_a_choice_of_tools_that_are_not_there(more: dict[str, Any], path: str, what: str) -> None:
    [fields] = chat.requests_of(ChatCompletionBody.model_validate({**ASK, **more}))
    with pytest.raises(TabAgentError, match=f"^{path}: .*{what}") as refused:
        parse_request({"id": 1, "action": "chat", **fields})
    assert refused.value.details["path"] == path


def test_a_choice_of_tools_that_are_not_there_in_other_dialects() -> None:
    anthropics = of_anthropic({"role": "user", "content": "x"}, tool_choice={"type": "any"})
    for fields in (anthropics, request_of(ResponseBody(model="m", input="x", tool_choice="required"))):
        with pytest.raises(TabAgentError, match=r"^tool_choice: "):
            asked(fields)


def test_long_names_of_tools_and_pictures_in_capitals() -> None:
    tool = {"type": "function", "function": {"name": "x" * 128}}
    picture = {"type": "image_url", "image_url": {"url": URL.replace("png", "PNG")}}
    turn: Any = {"role": "user", "content": [picture]}
    assert asked({"model": "m", "messages": [turn], "tools": [tool]}) == [turn]


@pytest.mark.parametrize(("name", "asked_for"), [("modalities", ["text", "audio"]), ("audio", {"voice": "alloy"})])
def test_only_texts_are_answered(name: str, asked_for: Any) -> None:
    chat.requests_of(ChatCompletionBody.model_validate({**ASK, "modalities": ["text"], "audio": None}))
    with pytest.raises(Failure, match=name):
        chat.requests_of(ChatCompletionBody.model_validate({**ASK, name: asked_for}))


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
    parts = [it["delta"] for it in events if it["type"] == "response.function_call_arguments.delta"]
    assert parts == ['{"at": ', '"sky"}'], "P4"
    (done,) = [it for it in events if it["type"] == "response.function_call_arguments.done"]
    assert done["arguments"] == '{"at": "sky"}'


def test_the_last_item_of_an_incomplete_response_is_incomplete() -> None:
    body, cut = ResponseBody(model="m", input="x"), {**RESULT, "tool_calls": [], "finish_reason": "length"}
    whole = Answer(body).whole(cut)
    assert [it["status"] for it in (*whole["output"], whole)] == ["completed", "incomplete", "incomplete"]
    answer = Answer(body)
    *_, closed, last = sse([*answer.add({"text": "Bl"}), *answer.end(cut)])
    assert closed["item"]["status"] == last["response"]["output"][0]["status"] == "incomplete"


def test_anthropics_blocks_whole_and_streamed() -> None:
    whole = anthropic.blocks_of(RESULT)
    assert [it["type"] for it in whole] == ["thinking", "text", "tool_use"]
    assert whole[2]["input"] == {"at": "sky"}
    blocks = anthropic_messages._Blocks()
    events = sse([*(piece for token in TOKENS for piece in blocks.add(token)), *blocks.end(RESULT)])
    started = [it["content_block"]["type"] for it in events if it["type"] == "content_block_start"]
    stopped = [it["index"] for it in events if it["type"] == "content_block_stop"]
    assert (started, stopped) == (["thinking", "text", "tool_use"], [0, 1, 2])
    parts = [it["delta"].get("partial_json") for it in events if it["type"] == "content_block_delta"]
    assert parts[-2:] == ['{"at": ', '"sky"}'], "P4"
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert events[-2]["usage"]["input_tokens"] + events[-2]["usage"]["cache_read_input_tokens"] == 9


class FakeService:
    """Answers every request with ``TOKENS`` and ``RESULT``."""

    @asynccontextmanager
    async def request(self, _action: str, _fields: object) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        async def events() -> AsyncIterator[dict[str, Any]]:
            for token in TOKENS:
                yield {"event": "token", **token}
            yield {"event": "done", "result": RESULT}

        yield events()


def test_p4_ollamas_calls_are_streamed_whole() -> None:
    async def lines() -> list[dict[str, Any]]:
        stream = ollama_answers._stream(cast("Service", FakeService()), "m", ("chat", {}), ollama_answers._said)
        return [json.loads(line) async for line in stream]

    came = asyncio.run(lines())
    assert "".join(line["message"]["content"] for line in came) == "Blue."
    (call,) = [call for line in came for call in line["message"].get("tool_calls", [])]
    assert call["function"] == {"name": "look", "arguments": {"at": "sky"}}
    assert [line["done"] for line in came] == [False] * (len(came) - 1) + [True]


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
    assert shown._capabilities({"task": task, "chat_template": template, "backend": place}, engines) == able


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


THOUGHT = "Look it up."
USED: Any = {"type": "tool_use", "id": "call_1", "name": "look", "input": {"at": "sky"}}
OUT: Any = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"at": "sky"}'}
RETURNED: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": THOUGHT}]},
    "chat of vLLM": {"messages": [{"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning": THOUGHT}]},
    "responses": {
        "input": [
            {"type": "reasoning", "id": "r", "summary": [], "content": [{"type": "reasoning_text", "text": THOUGHT}]},
            OUT,
        ]
    },
    "responses with a summary": {
        "input": [{"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": THOUGHT}]}, OUT]
    },
    "anthropic": {
        "messages": [
            {"role": "assistant", "content": [{"type": "thinking", "thinking": THOUGHT, "signature": ""}, USED]}
        ]
    },
    "ollama": {
        "messages": [
            {
                "role": "assistant",
                "thinking": THOUGHT,
                "tool_calls": [{"id": "call_1", "function": {"name": "look", "arguments": {"at": "sky"}}}],
            },
        ]
    },
}


def _request_of(dialect: str, fields: dict[str, Any]) -> dict[str, Any]:
    """What the protocol is asked for these fields of a dialect."""
    fields = {"model": "m", **fields}
    if dialect.startswith("chat"):
        return chat.requests_of(ChatCompletionBody.model_validate(fields))[0]
    if dialect.startswith("responses"):
        return request_of(ResponseBody.model_validate(fields))
    if dialect == "ollama":
        return ollama.chat_of(ollama_shapes.ChatBody.model_validate(fields))
    return of_anthropic(*fields["messages"])


@pytest.mark.parametrize("dialect", RETURNED)
def test_h12_thoughts_that_a_client_hands_back_reach_the_protocol(dialect: str) -> None:
    (message,) = asked(_request_of(dialect, RETURNED[dialect]))
    assert message["reasoning_content"] == THOUGHT
    assert message["tool_calls"] == [CALL]


def test_h12_thoughts_reach_servers_under_their_names() -> None:
    message: Any = {"role": "assistant", "content": "Blue.", "reasoning_content": THOUGHT}
    assert ollama_body(Conversation([message]))["messages"] == [
        {"role": "assistant", "content": "Blue.", "thinking": THOUGHT}
    ]
    assert openai_body(Conversation([message]))["messages"] == [message]


def test_h12_only_an_assistant_has_thoughts() -> None:
    with pytest.raises(TabAgentError, match="reasoning_content belongs to the role assistant"):
        asked({"model": "m", "messages": [{"role": "user", "content": "x", "reasoning_content": "y"}]})
    told = {"messages": [{"role": "user", "content": "x", "reasoning_content": "y"}]}
    assert asked(_request_of("chat", told)) == [{"role": "user", "content": "x"}]


@pytest.mark.parametrize(
    ("written", "members"),
    [
        ("", {}),
        ('{"at": "sk', {"at": "sk"}),
        ('{"at": "sky", "n', {"at": "sky"}),
        ('{"a": [1, {"b": 2', {"a": [1, {"b": 2}]}),
    ],
)
def test_p1_arguments_so_far_are_an_object(written: str, members: dict[str, Any]) -> None:
    call = {**CALL, "function": {"name": "look", "arguments": written}}
    assert ollama.call_of(call)["function"]["arguments"] == members
    [block] = anthropic.blocks_of({**RESULT, "text": "", "reasoning": "", "tool_calls": [call]})
    assert block["input"] == members
