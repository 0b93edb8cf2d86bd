"""What ``/v1/responses`` is asked.

Source: <https://platform.openai.com/docs/api-reference/responses/create>
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, JsonValue, Tag

from native_host.protocol.messages.base import Message
from native_host.protocol.messages.chat import ReasoningEffort, TemplateOptions
from native_host.protocol.messages.tool_choice import AnyToolChoice
from native_host.transports.http.sampling import Sampling


class InputText(Message):
    """A text, of whoever wrote it."""

    type: Literal["input_text", "output_text", "text", "summary_text", "reasoning_text"]
    text: str


class InputImage(Message):
    """A picture as a ``data:`` URL."""

    type: Literal["input_image"]
    image_url: str


class Refusal(Message):
    """What an earlier answer refused."""

    type: Literal["refusal"]
    refusal: str


InputPart = Annotated[InputText | InputImage | Refusal, Field(discriminator="type")]


class InputMessage(Message):
    """A turn."""

    type: Literal["message"] | None = None
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[InputPart]


class CallItem(Message):
    """A call that the model made."""

    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str


class CallOutputItem(Message):
    """What came of it."""

    type: Literal["function_call_output"]
    call_id: str
    output: str | list[InputPart]


class ReasoningItem(Message):
    """What the model thought before the next item. ``summary`` counts where there is no ``content``."""

    type: Literal["reasoning"]
    content: list[InputText] | None = None
    summary: list[InputText] | None = None


class ItemReference(Message):
    """An item of an earlier answer by its id; none is kept here."""

    type: Literal["item_reference"]


def _type_of(item: Any) -> Any:
    """A message may leave its type out."""
    return (item.get("type") if isinstance(item, dict) else getattr(item, "type", None)) or "message"


InputItem = Annotated[
    Annotated[InputMessage, Tag("message")]
    | Annotated[CallItem, Tag("function_call")]
    | Annotated[CallOutputItem, Tag("function_call_output")]
    | Annotated[ReasoningItem, Tag("reasoning")]
    | Annotated[ItemReference, Tag("item_reference")],
    Discriminator(
        _type_of,
        custom_error_type="item_type",
        custom_error_message="has a type that is not taken here",
    ),
]


class FunctionTool(Message):
    """A function that may be called."""

    type: Literal["function"]
    name: str
    description: str | None = None
    parameters: dict[str, JsonValue] | None = None
    strict: bool | None = None


class TextFormat(Message):
    """What the answer looks like."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema_: Annotated[dict[str, JsonValue] | None, Field(alias="schema")] = None
    strict: bool | None = None


class TextOptions(Message):
    """Of the answer's text."""

    format: TextFormat | None = None


class ReasoningOptions(Message):
    """Of what the model thinks first."""

    effort: ReasoningEffort | None = None


class ResponseBody(Sampling):
    """A conversation as items. Answers are not kept here: a follow-up has to bring what went before."""

    model: str
    input: str | Annotated[list[InputItem], Field(min_length=1)]
    instructions: str | None = None
    tools: list[FunctionTool] | None = None
    tool_choice: AnyToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    stop: str | list[str] | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    chat_template_kwargs: TemplateOptions | None = None
    include: list[str] | None = None
    top_logprobs: int | None = None
    truncation: Literal["auto", "disabled"] | None = None
    stream: bool | None = None
    store: bool | None = None
    metadata: dict[str, str] | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    background: bool | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None


class InputTokens(Message):
    """How many tokens the prompt of a conversation has."""

    object: Literal["response.input_tokens"] = "response.input_tokens"
    input_tokens: int


class Response(Message):
    """An answer: items that are messages, calls, or thoughts."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    status: Literal["completed", "incomplete", "in_progress", "failed"]
    model: str
    output: list[dict[str, Any]]
    usage: dict[str, Any] | None
    error: dict[str, Any] | None
    incomplete_details: dict[str, str] | None
    completed_at: int | None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    metadata: dict[str, str]
    parallel_tool_calls: bool
    previous_response_id: str | None
    reasoning: dict[str, Any]
    store: bool
    background: bool
    service_tier: str
    safety_identifier: str | None
    prompt_cache_key: str | None
    temperature: float
    top_p: float
    top_logprobs: int
    presence_penalty: float
    frequency_penalty: float
    text: dict[str, Any]
    tool_choice: str | dict[str, Any]
    tools: list[dict[str, Any]]
    truncation: Literal["auto", "disabled"]
