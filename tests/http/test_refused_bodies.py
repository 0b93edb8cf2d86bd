"""Bodies of every route with odd values in odd places are read, or refused with the path of a field in the body."""

from __future__ import annotations

import random
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from native_host.protocol.errors import TabAgentError
from native_host.protocol.messages.requests import REQUESTS
from native_host.protocol.messages.validation import first_error
from native_host.transports.http.anthropic.shapes import CountTokensBody, MessagesBody
from native_host.transports.http.app import as_failure
from native_host.transports.http.failures import Failure
from native_host.transports.http.ollama.shapes import ChatBody, EmbedBody, EmbeddingsBody, GenerateBody
from native_host.transports.http.openai.chat_shapes import ChatCompletionBody
from native_host.transports.http.openai.completions import CompletionBody
from native_host.transports.http.openai.embeddings import EmbeddingBody
from native_host.transports.http.openai.rerank import RerankBody
from native_host.transports.http.openai.responses_shapes import ResponseBody
from tests.support import few_or_many

BODIES: dict[str, type[BaseModel]] = {
    body.__name__: body
    for body in (
        *(ChatBody, ChatCompletionBody, CompletionBody, CountTokensBody, EmbedBody, EmbeddingBody, EmbeddingsBody),
        *(GenerateBody, MessagesBody, RerankBody, ResponseBody),
    )
} | {model.__name__: model for model in REQUESTS.values()}
NESTED = ("role", "content", "name", "type", "text", "function", "stop", "temperature", "num_ctx", "arguments", "id")
LEAVES: tuple[Any, ...] = (None, True, 0, -1, 1e308, 2**70, "", "auto", "user", "text", "function", "\ud800")


def _value(source: random.Random, names: tuple[str, ...], depth: int) -> Any:
    kind = source.choice(("leaf", "leaf", "object", "list")) if depth else "leaf"
    if kind == "object":
        return {source.choice(names): _value(source, names, depth - 1) for _ in range(source.randint(0, 3))}
    if kind == "list":
        return [_value(source, names, depth - 1) for _ in range(source.randint(0, 2))]
    return source.choice(LEAVES)


@pytest.mark.parametrize("tries", few_or_many(300, 30_000))
@pytest.mark.parametrize("name", BODIES)
def test_odd_values_in_odd_places(name: str, tries: int) -> None:
    model = BODIES[name]
    source = random.Random(name)
    own = tuple(model.model_fields)
    for _ in range(tries):
        body = {source.choice(own + NESTED): _value(source, NESTED, 4) for _ in range(source.randint(0, 5))}
        try:
            model.model_validate({"model": "m", "messages": [{"role": "user", "content": "x"}], **body})
        except ValidationError as error:
            errors = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
            failure = as_failure(RequestValidationError(errors, body=body))
            assert (failure.status, failure.code) == (400, "bad_param")
            path, what = first_error(errors, {"body": body})
            assert path.split(".")[0] == "body", path
            assert what
        except (Failure, TabAgentError):
            pass  # refused with a code of its own


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"stop": [None], "options": []}, "options"),
        ({"stop": [None], "options": ""}, "options"),
        ({"stop": [None]}, "stop.0"),
        ({"stop": [None], "options": None}, "options"),
        ({"options": {"stop": ["a", 1]}}, "options.stop.1"),
    ],
)
def test_options_beside_and_inside_options(body: dict[str, Any], path: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ChatBody.model_validate({"model": "m", "messages": [], **body})
    assert first_error(caught.value.errors(), {"model": "m", "messages": [], **body})[0] == path
