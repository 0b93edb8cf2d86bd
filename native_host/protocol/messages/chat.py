"""Conversations and tools, in OpenAI's shapes.

<https://platform.openai.com/docs/api-reference/chat/create>
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, StringConstraints, field_validator, model_validator

from native_host.protocol.messages.base import Message, Name


def _not_fetched(url: Any) -> Any:
    if isinstance(url, str) and url.lower().startswith(("http:", "https:")):
        raise ValueError("pictures by URL are not fetched; send the picture itself as data:image/…;base64,…")
    return url


RESERVED_OPTIONS = frozenset({"messages", "tools", "documents", "add_generation_prompt", "bos_token", "eos_token"})
"""Variables of chat templates that TabAgent sets itself."""


def _not_reserved(options: Any) -> Any:
    for name in sorted(RESERVED_OPTIONS.intersection(options if isinstance(options, dict) else ())):
        raise ValueError(f"cannot set {name}: TabAgent sets it")
    return options


ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
TemplateOptions = Annotated[
    dict[Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,63}$")], JsonValue],
    Field(max_length=32),
    BeforeValidator(_not_reserved),
]
"""Variables of a chat template by their names in it, such as ``enable_thinking``."""
FunctionName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")]
PictureUrl = Annotated[
    str, StringConstraints(pattern=r"^data:image/[a-zA-Z0-9.+-]+;base64,"), BeforeValidator(_not_fetched)
]
"""A picture in its own address: nothing is fetched."""


class TextPart(Message):
    """A text among the parts of a message."""

    type: Literal["text"]
    text: str


class ImageUrl(Message):
    """A picture as a ``data:`` URL."""

    url: PictureUrl


class ImagePart(Message):
    """A picture among the parts of a message."""

    type: Literal["image_url"]
    image_url: ImageUrl


ContentPart = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class FunctionCall(Message):
    """What is called; ``arguments`` is a JSON object as text."""

    name: Name
    arguments: str


class ToolCall(Message):
    """A call of a tool, which the answer to it names by ``id``."""

    id: Name
    type: Literal["function"] = "function"
    function: FunctionCall


class ChatMessage(Message):
    """One turn. ``content`` is data: nothing in it is a control token; no parts are an empty text.

    ``tool_calls`` are an assistant's; ``tool_call_id`` tells which of them a ``tool`` answers. ``reasoning_content`` is
    what an assistant thought before it spoke or called; its template shows it to the model where that matters.
    """

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | Annotated[list[ContentPart], Field(max_length=1024)] | None = None
    tool_calls: Annotated[list[ToolCall], Field(min_length=1, max_length=128)] | None = None
    tool_call_id: Name | None = None
    reasoning_content: str | None = None

    @field_validator("content", mode="before")
    @classmethod
    def _without_parts_is_empty(cls, content: Any) -> Any:
        return "" if content == [] else content

    @model_validator(mode="after")
    def _belongs_to_its_role(self) -> Self:
        if self.tool_calls is not None and self.role != "assistant":
            raise ValueError("tool_calls belong to the role assistant")
        if self.tool_call_id is not None and self.role != "tool":
            raise ValueError("tool_call_id belongs to the role tool")
        if self.reasoning_content is not None and self.role != "assistant":
            raise ValueError("reasoning_content belongs to the role assistant")
        if self.content is None and self.tool_calls is None:
            raise ValueError("content is missing")
        return self


class FunctionDefinition(Message):
    """A function that a model may call; ``parameters`` is the JSON schema of its arguments."""

    name: FunctionName
    description: str | None = None
    parameters: dict[str, JsonValue] | None = None
    strict: bool | None = None


class Tool(Message):
    """A tool. Arguments match its schema where the engine sees to it; what has no grammar is refused if strict."""

    type: Literal["function"]
    function: FunctionDefinition
