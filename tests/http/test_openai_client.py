"""OpenAI's own client for Python against the real model: each understands what the other sends."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import time
from pathlib import Path
from typing import Any

import jsonschema
import openai
import pytest
from openai.types.chat import ChatCompletionMessageFunctionToolCall

from tabagent_harness.http_process import HttpProcess
from tests.call_parts import whole_calls
from tests.http.schemas import FEW, MANY, random_schema
from tests.questions import CAPITAL, WEATHER
from tests.support import MODEL, Installation, eventually, seeds

HELLO: Any = [{"role": "user", "content": "Say hello."}]
GREEDY: Any = {"model": MODEL, "temperature": 0, "max_tokens": 32}
TIME: Any = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}


def test_models(client: openai.OpenAI) -> None:
    assert {it.id for it in client.models.list()} >= {MODEL, "minilm", "reranker"}
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("org/nothing")


def test_chat(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(messages=CAPITAL, **GREEDY)
    choice = answer.choices[0]
    assert "Paris" in str(choice.message.content)
    assert (choice.finish_reason, choice.message.role, choice.message.tool_calls) == ("stop", "assistant", None)
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_chat_streamed_is_the_same(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(messages=CAPITAL, **GREEDY)
    stream = client.chat.completions.create(
        messages=CAPITAL, stream=True, stream_options={"include_usage": True}, **GREEDY
    )
    chunks = list(stream)
    text = "".join(it.choices[0].delta.content or "" for it in chunks if it.choices)
    assert text == whole.choices[0].message.content
    assert [it.choices[0].finish_reason for it in chunks if it.choices][-1] == "stop"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert len({it.id for it in chunks}) == 1


def test_content_in_parts(client: openai.OpenAI) -> None:
    parts: Any = [{"role": "user", "content": [{"type": "text", "text": "Say "}, {"type": "text", "text": "hello."}]}]
    assert client.chat.completions.create(messages=parts, **GREEDY).choices[0].message.content


def test_sampling_options(client: openai.OpenAI) -> None:
    ask = {"messages": HELLO, "model": MODEL, "max_tokens": 12, "temperature": 1.5, "seed": 7}
    first, again, other = (
        client.chat.completions.create(**{**ask, "seed": seed}).choices[0].message.content for seed in (7, 7, 2**40)
    )
    assert first == again != other
    several = client.chat.completions.create(n=3, **ask)
    assert [it.index for it in several.choices] == [0, 1, 2]
    assert len({it.message.content for it in several.choices}) == 3
    text = str(client.chat.completions.create(messages=CAPITAL, stop=["Paris"], **GREEDY).choices[0].message.content)
    assert "Paris" not in text
    assert text
    short = client.chat.completions.create(messages=CAPITAL, model=MODEL, max_completion_tokens=2)
    assert short.choices[0].finish_reason == "length"


def test_several_streamed_at_once(client: openai.OpenAI) -> None:
    ask: Any = {"messages": HELLO, "model": MODEL, "max_tokens": 8, "temperature": 1.5, "seed": 7, "n": 3}
    pieces, reasons = ["", "", ""], {}
    for chunk in client.chat.completions.create(stream=True, **ask):
        [choice] = chunk.choices
        pieces[choice.index] += choice.delta.content or ""
        reasons[choice.index] = choice.finish_reason
    assert len(set(pieces)) == 3
    assert all(pieces)
    assert set(reasons) == {0, 1, 2}
    assert None not in reasons.values()


def test_logprobs(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(messages=CAPITAL, logprobs=True, top_logprobs=3, **GREEDY)
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    tokens = logprobs.content or []
    text = b"".join(bytes(it.bytes or []) for it in tokens).decode()
    assert str(answer.choices[0].message.content) in text
    assert all(it.logprob <= 0 and len(it.top_logprobs) == 3 for it in tokens)
    assert all(it.top_logprobs[0].token == it.token for it in tokens)
    legacy = client.completions.create(model=MODEL, prompt="One, two,", max_tokens=3, temperature=0, logprobs=2)
    columns = legacy.choices[0].logprobs
    assert columns is not None
    assert len(columns.tokens or []) == len(columns.token_logprobs or []) == 3


@pytest.mark.parametrize("stream", [False, True])
def test_a_named_tool_is_called(client: openai.OpenAI, stream: bool) -> None:
    choice: Any = {"type": "function", "function": {"name": "get_weather"}}
    ask: Any = {"messages": HELLO, "tools": [TIME, WEATHER], "tool_choice": choice, **GREEDY, "max_tokens": 128}
    if stream:
        deltas = [it.choices[0] for it in client.chat.completions.create(stream=True, **ask)]
        parts = [part for it in deltas for part in it.delta.tool_calls or []]
        assert len(parts) > 1, "P4: arguments come as they are written"
        [whole] = whole_calls(part.model_dump() for part in parts)
        call: Any = ChatCompletionMessageFunctionToolCall.model_validate(whole)
        reason = deltas[-1].finish_reason
    else:
        answer = client.chat.completions.create(**ask).choices[0]
        [call], reason = answer.message.tool_calls, answer.finish_reason
        assert not answer.message.content
    assert reason == "tool_calls"
    assert call.function is not None
    assert call.function.name == "get_weather"
    jsonschema.validate(json.loads(str(call.function.arguments)), WEATHER["function"]["parameters"])
    assert call.id


def test_tools_required_none_and_answered(client: openai.OpenAI) -> None:
    ask: Any = {"tools": [WEATHER], **GREEDY, "max_tokens": 128}
    required = client.chat.completions.create(messages=HELLO, tool_choice="required", **ask).choices[0].message
    assert required.tool_calls
    none = client.chat.completions.create(messages=HELLO, tool_choice="none", **ask).choices[0].message
    assert none.content
    assert not none.tool_calls
    call = required.tool_calls[0]
    after: Any = [*HELLO, required, {"role": "tool", "tool_call_id": call.id, "content": "12 degrees"}]
    assert client.chat.completions.create(messages=after, tool_choice="none", **ask).choices[0].message.content


@pytest.mark.parametrize("seed", seeds(FEW, MANY))
def test_an_answer_matches_its_schema(client: openai.OpenAI, seed: int) -> None:
    schema = random_schema(seed)
    form: Any = {"type": "json_schema", "json_schema": {"name": "it", "schema": schema, "strict": True}}
    answer = client.chat.completions.create(
        model=MODEL, messages=HELLO, response_format=form, max_tokens=512, temperature=1, seed=seed
    )
    assert answer.choices[0].finish_reason == "stop"
    jsonschema.validate(json.loads(str(answer.choices[0].message.content)), schema)


def test_any_object(client: openai.OpenAI) -> None:
    text = "".join(
        it.choices[0].delta.content or ""
        for it in client.chat.completions.create(
            messages=[{"role": "user", "content": "Give me a JSON object with a name."}],
            response_format={"type": "json_object"},
            stream=True,
            **{**GREEDY, "max_tokens": 200},
        )
    )
    assert text.lstrip().startswith("{")


def test_completions(client: openai.OpenAI) -> None:
    ask: Any = {"model": MODEL, "temperature": 0, "max_tokens": 4}
    answer = client.completions.create(prompt=["The capital of France is", "One, two, three,"], echo=True, n=2, **ask)
    assert [it.index for it in answer.choices] == [0, 1, 2, 3]
    assert answer.choices[0].text == answer.choices[1].text
    assert "is Paris" in answer.choices[0].text
    assert answer.choices[2].text.startswith("One, two, three, four")
    stream = client.completions.create(prompt="The capital of France is", stream=True, **ask)
    assert "Paris" in "".join(it.choices[0].text for it in stream)


def test_embeddings(client: openai.OpenAI) -> None:
    texts = ["A cat sat on the mat.", "A kitten rests on a rug.", "Interest rates rose."]
    floats = client.embeddings.create(model="minilm", input=texts, encoding_format="float")
    vectors = [it.embedding for it in floats.data]
    assert [len(it) for it in vectors] == [384] * 3
    near, far = (sum(a * b for a, b in zip(vectors[0], vectors[it], strict=True)) for it in (1, 2))
    assert near > far
    packed = client.embeddings.create(model="minilm", input=texts)  # the client asks for base64 by itself
    assert packed.data[2].embedding == pytest.approx(vectors[2], abs=1e-6)
    assert client.embeddings.create(model="minilm", input="x").usage.prompt_tokens > 0
    raw = client.embeddings.with_raw_response.create(model="minilm", input="x", encoding_format="base64")
    coded = json.loads(raw.text)["data"][0]["embedding"]
    assert len(struct.unpack("<384f", base64.b64decode(coded))) == 384
    with pytest.raises(openai.BadRequestError, match="384"):
        client.embeddings.create(model="minilm", input="x", dimensions=8)


def test_null_is_left_out(real: HttpProcess) -> None:
    short = {"model": MODEL, "max_tokens": 2}
    for path, body in {
        "/v1/embeddings": {"model": "minilm", "input": "x", "encoding_format": None},
        "/v1/rerank": {"model": "reranker", "query": "x", "documents": ["y"], "return_documents": None},
        "/v1/chat/completions": {
            **short,
            "messages": HELLO,
            "truncation": None,
            "stream": True,
            "stream_options": {"include_usage": None},
        },
        "/v1/messages": {
            **short,
            "messages": HELLO,
            "tool_choice": {"type": "auto", "disable_parallel_tool_use": None},
        },
        "/v1/responses": {"model": MODEL, "max_output_tokens": 16, "input": [{"type": None, **HELLO[0]}]},
    }.items():
        answer = real.post(path, **body)
        assert answer.status_code == 200, answer.text
    vector = real.post("/v1/embeddings", model="minilm", input="x", encoding_format=None).json()["data"][0]
    assert len(vector["embedding"]) == 384


def test_rerank(real: HttpProcess) -> None:
    documents: Any = ["Paris is a city.", {"text": "Bread is baked."}, "The sea."]
    answer = real.post(
        "/v1/rerank", model="reranker", query="cities", documents=documents, top_n=2, return_documents=True
    )
    results = answer.json()["results"]
    assert len(results) == 2
    assert results[0]["relevance_score"] >= results[1]["relevance_score"]
    texts = [it if isinstance(it, str) else it["text"] for it in documents]
    assert all(it["document"]["text"] == texts[it["index"]] for it in results)


def test_a_prompt_that_does_not_fit(client: openai.OpenAI) -> None:
    long: Any = [
        {"role": "user", "content": "word " * 3000},
        {"role": "assistant", "content": "word " * 6000},
        *CAPITAL[1:],
    ]
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(messages=long, **GREEDY)
    assert refused.value.code == "context_length_exceeded"
    assert refused.value.body["details"]["context_length"] == 8192  # type: ignore[index]
    assert refused.value.body["details"]["prompt_tokens"] > 9000  # type: ignore[index]
    cut = client.chat.completions.create(messages=[CAPITAL[0], *long], extra_body={"truncation": "auto"}, **GREEDY)
    assert "Paris" in str(cut.choices[0].message.content)
    assert cut.truncated_messages == 2  # type: ignore[attr-defined]
    *_, finish, usage = client.chat.completions.create(
        messages=[CAPITAL[0], *long],
        extra_body={"truncation": "auto"},
        stream=True,
        stream_options={"include_usage": True},
        **GREEDY,
    )
    assert finish.choices[0].finish_reason == "stop"
    assert finish.truncated_messages == usage.truncated_messages == 2  # type: ignore[attr-defined]
    alone: Any = [{"role": "user", "content": "word " * 9000}]
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(messages=alone, extra_body={"truncation": "auto"}, **GREEDY)


def test_errors(client: openai.OpenAI, real: HttpProcess) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert (unknown.value.code, unknown.value.type) == ("model_not_found", "invalid_request_error")
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model=MODEL, messages=HELLO, temperature=11)
    assert wrong.value.param == "temperature"
    with pytest.raises(openai.BadRequestError, match="presence_penalty"):
        client.chat.completions.create(model=MODEL, messages=HELLO, presence_penalty=1)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=MODEL, messages=[])
    with pytest.raises(openai.BadRequestError, match="embed"):
        client.embeddings.create(model=MODEL, input="x")
    picture: Any = {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}
    with pytest.raises(openai.BadRequestError, match="not fetched"):
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": [picture]}])
    stranger = openai.OpenAI(base_url=f"{real.address}/v1", api_key="wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError), stranger:
        stranger.models.list()


@pytest.mark.parametrize("name", ["/etc/passwd", "../x.gguf", "file:///etc/passwd", "http://127.0.0.1:1/x", "C:\\x",
                                  "~/x", "\\\\host\\share", "a/../../b", "./x", "x\0y"])  # fmt: skip
def test_a_model_is_a_name_and_no_path(client: openai.OpenAI, real: HttpProcess, name: str) -> None:
    for path in (
        "/v1/chat/completions",
        "/tabagent/v1/load_model",
        "/tabagent/v1/detect_model",
        "/tabagent/v1/pull_model",
    ):
        answer = real.post(path, model=name, messages=HELLO)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_aborting_stops_the_engine(real: HttpProcess, phase: str, stream: bool) -> None:
    """The worker's own CPU time stands still afterwards, long before it would have been done."""
    words = " ".join(f"word{it}" for it in range(1800)) if phase == "prefill" else "Write a very long story."
    messages = [{"role": "user", "content": f"{phase} {stream} {words}"}]
    options = {"max_tokens": 1 if phase == "prefill" else 6000, "temperature": 0.8}
    body = {"model": MODEL, "messages": messages, "stream": stream, **options}
    if phase == "decode":
        body["grammar"] = {"type": "regex", "value": "[a-z ]{20000}"}  # an answer that ends early stops nothing
    pid = loaded(real)["pid"]
    with socket.create_connection(("127.0.0.1", real.port)) as connection:
        before = cpu_s(pid)
        connection.sendall(real.raw("POST", "/v1/chat/completions", body))
        eventually(lambda: cpu_s(pid) > before + 0.3, timeout_s=30)
        if phase == "decode" and stream:
            assert b"200 OK" in connection.recv(4096)
        assert loaded(real)["active_requests"] == 1
    eventually(lambda: loaded(real)["active_requests"] == 0, timeout_s=15)
    eventually(lambda: stands_still(pid), timeout_s=15)


def loaded(http: HttpProcess) -> dict[str, Any]:
    models = http.client.get("/tabagent/v1/status").json()["models"]
    return next(it for it in models if it["model"] == MODEL)


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stands_still(pid: int) -> bool:
    before = cpu_s(pid)
    time.sleep(0.3)
    return cpu_s(pid) - before < 0.05


def test_a_stream_that_breaks_ends_in_its_error(client: openai.OpenAI, shared: Installation) -> None:
    shared.chaos_model("breaks")
    order = '{"tokens": 9, "fault": "abort", "at": 5, "interval_ms": 50}'
    stream = client.completions.create(model="breaks", prompt=order, stream=True, extra_body={"engine": "chaos"})
    with pytest.raises(openai.APIError, match="killed by SIGABRT"):
        list(stream)
