"""What ``/v1/messages`` is asked and answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, field_validator

from native_host.protocol.messages.base import Message
from native_host.protocol.messages.chat import FunctionName
from native_host.transports.http.sampling import Sampling


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
    """A call that the model made."""

    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, JsonValue]


class ToolResultBlock(Message):
    """What came of it."""

    type: Literal["tool_result"]
    tool_use_id: str
    content: str | list[Annotated[TextBlock | ImageBlock, Field(discriminator="type")]] | None = None
    is_error: bool | None = None


class ThinkingBlock(Message):
    """What the model thought; it is not shown to it again."""

    type: Literal["thinking", "redacted_thinking"]


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
    """Whether one is called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Message):
    """Whether the model thinks first: not where the type is ``disabled``."""

    type: str


class OutputFormat(Message):
    """A schema that the answer matches."""

    type: Literal["json_schema"]
    schema_: Annotated[dict[str, JsonValue], Field(alias="schema")]


class OutputConfig(Message):
    """Of the answer."""

    format: OutputFormat | None = None


class MessagesBody(Sampling):
    """A conversation to answer."""

    model: str
    max_tokens: int
    messages: Annotated[list[Annotated[Turn | SystemTurn, Field(discriminator="role")]], Field(min_length=1)]
    system: str | list[TextBlock] | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    tools: list[Tool] | None = None
    tool_choice: Choice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None


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
