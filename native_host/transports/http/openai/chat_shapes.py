"""``/v1/chat/completions``: what is asked and answered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from native_host.protocol.messages.base import Message
from native_host.protocol.messages.chat import ChatMessage, ReasoningEffort, TemplateOptions, Tool, ToolCall
from native_host.protocol.messages.events import TokenLogprob
from native_host.protocol.messages.tool_choice import AnyToolChoice
from native_host.transports.http.sampling import Sampling
from native_host.transports.http.thinking import Thinking

MAX_CHOICES = 16


def _as_the_protocol_has_it(message: Any) -> Any:
    """Return a message as the protocol has it.

    Some clients write ``"tool_calls": []`` where there are none; what an earlier answer refused is a text; vLLM and
    OpenRouter call thoughts ``reasoning``.
    """
    if not isinstance(message, dict):
        return message
    plain = {key: value for key, value in message.items() if (key, value) != ("tool_calls", [])}
    if message.get("role") != "assistant":
        plain.pop("reasoning_content", None)
        return plain
    if isinstance(message.get("content"), list):
        plain["content"] = [_refusal_as_text(part) for part in message["content"]]
    if plain.get("reasoning_content") is None and isinstance(message.get("reasoning"), str):
        plain["reasoning_content"] = message["reasoning"]
    return plain


def _refusal_as_text(part: Any) -> Any:
    if isinstance(part, dict) and part.get("type") == "refusal" and "refusal" in part:
        return {"type": "text", "text": part["refusal"]}
    return part


class StreamOptions(Message):
    """What a stream has beside its pieces."""

    include_usage: bool | None = None


class ChatCompletionBody(Sampling):
    """A conversation to answer."""

    model: str
    messages: Annotated[list[Annotated[ChatMessage, BeforeValidator(_as_the_protocol_has_it)]], Field(min_length=1)]
    tools: list[Tool] | None = None
    tool_choice: AnyToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    n: Annotated[int, Field(ge=1, le=MAX_CHOICES)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    reasoning_effort: ReasoningEffort | None = Field(
        default=None, description="`none`: the model is not to think first."
    )
    chat_template_kwargs: TemplateOptions | None = Field(
        default=None, description="Variables of the chat template, such as `enable_thinking`."
    )
    enable_thinking: bool | None = None
    thinking: bool | Thinking | None = None
    truncation: Literal["auto", "disabled"] | None = Field(
        default=None, description="`auto`: the oldest turns are left out where the conversation does not fit."
    )
    modalities: list[str] | None = None
    audio: Any = None
    functions: list[Any] | None = None
    function_call: Any = None


class AnswerMessage(Message):
    """What the model says, thinks and calls."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None


class ChoiceLogprobs(Message):
    """Of every token."""

    content: list[TokenLogprob]
    refusal: None = None


class Choice(Message):
    """One answer."""

    index: int
    message: AnswerMessage
    logprobs: ChoiceLogprobs | None
    finish_reason: Literal["stop", "length", "tool_calls"]


class PromptDetails(Message):
    """Of the prompt's tokens."""

    cached_tokens: int


class CompletionUsage(Message):
    """Tokens; of several answers to one prompt, the prompt's are counted once."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails


class ChatCompletion(Message):
    """The answers. ``truncated_messages``: how many of the oldest were left out, as asked for by ``truncation``."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    system_fingerprint: str
    choices: list[Choice]
    usage: CompletionUsage
    truncated_messages: int | None = None
