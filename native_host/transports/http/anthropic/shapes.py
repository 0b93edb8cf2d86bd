"""What ``/v1/messages`` is asked and answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from native_host.protocol.messages.base import Message
from native_host.protocol.messages.chat import FunctionName, ReasoningEffort
from native_host.transports.http.sampling import Sampling
from native_host.transports.http.thinking import Thinking


class TextBlock(Message):
    """A text."""

    type: Literal["text"]
    text: str


class ImageSource(Message):
    """A file in base64; addresses are not fetched."""

    type: Literal["base64"]
    media_type: str
    data: str

    @field_validator("type", mode="before")
    @classmethod
    def _not_fetched(cls, kind: Any) -> Any:
        if kind == "url":
            raise ValueError("pictures by URL are not fetched; send base64")
        return kind


class ImageBlock(Message):
    """A picture."""

    type: Literal["image"]
    source: ImageSource


class ToolUseBlock(Message):
    """A call that the model made. ``input`` is text if ``max_tokens`` cut it."""

    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, JsonValue] | str


class ToolResultBlock(Message):
    """What came of it."""

    type: Literal["tool_result"]
    tool_use_id: str
    content: str | list[Annotated[TextBlock | ImageBlock, Field(discriminator="type")]] | None = None
    is_error: bool | None = None


class ThinkingBlock(Message):
    """What the model thought. The text of a redacted one is not known."""

    type: Literal["thinking", "redacted_thinking"]
    thinking: str = ""


Block = Annotated[TextBlock | ImageBlock | ToolUseBlock | ToolResultBlock | ThinkingBlock, Field(discriminator="type")]


class Turn(Message):
    """A turn of either side."""

    role: Literal["user", "assistant"]
    content: str | list[Block]


class SystemTurn(Message):
    """What the model is told between two turns."""

    role: Literal["system"]
    content: str | list[TextBlock]


class Tool(Message):
    """A function that may be called."""

    type: Literal["custom"] | None = None
    name: FunctionName
    description: str | None = None
    input_schema: dict[str, JsonValue]


class Choice(Message):
    """Tools that are called. OpenAI's ``required`` and ``allowed_tools`` mean the same as there."""

    type: Literal["auto", "any", "tool", "none", "required", "allowed_tools"]
    name: FunctionName | None = None
    disable_parallel_tool_use: bool | None = None
    allowed_tools: JsonValue = None
    mode: JsonValue = None
    tools: JsonValue = None

    @model_validator(mode="before")
    @classmethod
    def _by_its_type_alone(cls, choice: Any) -> Any:
        return {"type": choice} if isinstance(choice, str) else choice


class OutputFormat(Message):
    """A schema that the answer matches."""

    type: Literal["json_schema"]
    schema_: Annotated[dict[str, JsonValue], Field(alias="schema")]


class OutputConfig(Message):
    """Of the answer."""

    format: OutputFormat | None = None
    effort: ReasoningEffort | None = None


class CountTokensBody(Sampling):
    """A conversation whose prompt is counted."""

    model: str
    messages: Annotated[list[Annotated[Turn | SystemTurn, Field(discriminator="role")]], Field(min_length=1)]
    system: str | list[TextBlock] | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    tools: list[Tool] | None = None
    tool_choice: Choice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None


class MessagesBody(CountTokensBody):
    """A conversation to answer."""

    max_tokens: int


class TokenCount(Message):
    """How many tokens the prompt has."""

    input_tokens: int


class Answer(Message):
    """What the model thinks, says and calls, a block each."""

    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    model: str
    content: list[dict[str, Any]]
    stop_reason: Literal["end_turn", "max_tokens", "stop_sequence", "tool_use"]
    stop_sequence: str | None = None
    usage: dict[str, int]
