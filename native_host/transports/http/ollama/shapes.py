"""What ``/api/chat``, ``/api/generate`` and ``/api/embed`` are asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, model_validator

from native_host.protocol.messages.base import Message
from native_host.protocol.messages.chat import FunctionDefinition, FunctionName, ReasoningEffort
from native_host.protocol.messages.tool_choice import AnyToolChoice
from native_host.transports.http.fields import MEANINGS, bad_param, translated
from native_host.transports.http.known_fields import REFUSED
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

    @model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, given: Any) -> Any:
        return {name: _whole(value) for name, value in given.items()} if isinstance(given, dict) else given


class CalledFunction(GoMessage):
    """What was called; here arguments are an object, or text if ``max_tokens`` cut them."""

    name: FunctionName
    arguments: dict[str, JsonValue] | str = {}  # noqa: RUF012  # pydantic copies it


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
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[Call] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class OptionsBody(GoMessage):
    """A body with ``options``; fields of theirs that stand beside them count as options."""

    options: Options | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_options_in_their_place(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(options := given.get("options"), dict | None):
            return given
        options = options or {}
        beside = {name: value for name, value in given.items() if name not in cls.model_fields and _is_option(name)}
        for name, value in beside.items():
            if value is not None and options.get(name) not in (None, value):
                raise bad_param(name, "contradicts options: leave one of the two out")
        body = translated({name: value for name, value in given.items() if name not in beside}, cls.model_fields)
        return {**body, "options": {**beside, **options}} if beside else body


class Answering(OptionsBody):
    """What ``chat`` and ``generate`` share. ``format`` is ``"json"`` or a JSON schema."""

    model: str
    stream: bool | None = None
    format: Literal["", "json"] | dict[str, JsonValue] | None = None
    keep_alive: Duration = None
    think: bool | ReasoningEffort | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class ChatBody(Answering):
    """A conversation; without a message the model is loaded, or unloaded by a ``keep_alive`` of 0."""

    messages: Annotated[list[Turn], Field(max_length=1024)] = []  # noqa: RUF012  # pydantic copies it
    tools: list[OfferedTool] | None = None
    tool_choice: AnyToolChoice | None = Field(default=None, description="As in chat completions; Ollama has none.")
    truncate: bool | None = Field(default=None, description="The oldest turns are left out where they do not fit.")


class GenerateBody(Answering):
    """A prompt, answered as a user's turn; ``raw``: continued as it is. Empty, it loads or unloads the model."""

    prompt: str = ""
    system: str | None = None
    images: list[str] | None = None
    raw: bool | None = None
    suffix: str | None = None
    template: str | None = None
    context: list[int] | None = None


class EmbedBody(OptionsBody):
    """Texts as vectors; without a text the model is loaded."""

    model: str
    input: str | list[str] = []  # noqa: RUF012  # pydantic copies it
    truncate: bool | None = None
    dimensions: int | None = None
    keep_alive: Duration = None


class EmbeddingsBody(OptionsBody):
    """One text; the older of the two routes."""

    model: str
    prompt: str
    keep_alive: Duration = None


class NamedBody(Message):
    """A model; older clients say ``name``."""

    model: str | None = None
    name: str | None = None
    stream: bool | None = None
    verbose: Any = None
    insecure: Any = None


def _is_option(name: str) -> bool:
    return name in Options.model_fields or name in MEANINGS or name in REFUSED


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
