"""What ``/api/chat``, ``/api/generate`` and ``/api/embed`` are asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, model_validator

from native_host.protocol.messages.base import Message
from native_host.protocol.messages.chat import FunctionDefinition, FunctionName
from native_host.transports.http.sampling import Sampling

Duration = float | str | None


class GoMessage(Message):
    """Read as Go does it: null is what is not there."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        return {name: value for name, value in given.items() if value is not None} if isinstance(given, dict) else given


class Options(Sampling):
    """How an answer is made. What is not here says how fast, and is left to the engine."""

    num_predict: int | None = None
    num_ctx: int | None = None
    stop: str | list[str] | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    mirostat: float | None = None
    repeat_last_n: float | None = None
    tfs_z: float | None = None
    typical_p: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, given: Any) -> Any:
        return {name: _whole(value) for name, value in given.items()} if isinstance(given, dict) else given


class CalledFunction(GoMessage):
    """What was called; here arguments are an object."""

    name: FunctionName
    arguments: dict[str, JsonValue] = {}  # noqa: RUF012  # pydantic copies it


class Call(GoMessage):
    """A call that the model made."""

    id: str | None = None
    function: CalledFunction


class OfferedTool(GoMessage):
    """A tool that the model may call."""

    type: Literal["function"] = "function"
    function: FunctionDefinition


class Turn(GoMessage):
    """A message. ``images`` are files in base64; ``tool_name`` says which call a ``tool`` answers."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    images: list[str] | None = None
    tool_calls: list[Call] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class Answering(GoMessage):
    """What ``chat`` and ``generate`` share. ``format`` is ``"json"`` or a JSON schema."""

    model: str
    stream: bool | None = None
    format: Literal["", "json"] | dict[str, JsonValue] | None = None
    options: Options | None = None
    keep_alive: Duration = None
    think: bool | str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class ChatBody(Answering):
    """A conversation; without a message the model is loaded, or unloaded by a ``keep_alive`` of 0."""

    messages: Annotated[list[Turn], Field(max_length=1024)] = []  # noqa: RUF012  # pydantic copies it
    tools: list[OfferedTool] | None = None


class GenerateBody(Answering):
    """A prompt, answered as a user's turn; ``raw``: continued as it is. Empty, it loads or unloads the model."""

    prompt: str = ""
    system: str | None = None
    images: list[str] | None = None
    raw: bool | None = None
    suffix: str | None = None
    template: str | None = None
    context: list[int] | None = None


class EmbedBody(GoMessage):
    """Texts as vectors; without a text the model is loaded."""

    model: str
    input: str | list[str] = []  # noqa: RUF012  # pydantic copies it
    truncate: bool | None = None
    dimensions: int | None = None
    options: Options | None = None
    keep_alive: Duration = None


class EmbeddingsBody(Message):
    """One text; the older of the two routes."""

    model: str
    prompt: str
    options: Options | None = None
    keep_alive: Duration = None


class NamedBody(Message):
    """A model; older clients say ``name``."""

    model: str | None = None
    name: str | None = None
    stream: bool | None = None
    verbose: Any = None
    insecure: Any = None


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
