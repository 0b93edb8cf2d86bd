"""``tool_choice``: OpenAI's forms, and the forms of others that mean the same.

<https://platform.openai.com/docs/guides/function-calling#tool-choice>
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from native_host.protocol.messages.base import Message
from native_host.protocol.messages.chat import FunctionName

_MODES = {"none": "none", "auto": "auto", "required": "required", "any": "required"}
_NAMED = ("function", "tool")


class ChosenFunction(Message):
    """The name of a function."""

    name: FunctionName


class ToolChoice(Message):
    """This tool is to be called."""

    type: Literal["function"]
    function: ChosenFunction


class AllowedTools(Message):
    """The tools of a request that may be called; with ``required`` one of them is to be called."""

    mode: Literal["auto", "required"]
    tools: Annotated[list[ToolChoice], Field(max_length=128)]


class AllowedToolsChoice(Message):
    """Only these of the tools may be called."""

    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


def _in_one_form(choice: Any) -> Any:
    """Return a choice as the chat completions have it.

    Anthropic and Mistral have ``any``, Anthropic an object for each mode; the Responses API has the members of
    ``function`` and ``allowed_tools`` beside ``type``.
    """
    if isinstance(choice, str):
        return _MODES.get(choice, choice)
    if not isinstance(choice, dict) or not isinstance(kind := choice.get("type"), str):
        return choice
    if kind in _MODES:
        return _MODES[kind]
    if kind in _NAMED and "function" not in choice:
        return {"type": "function", "function": {"name": choice["name"]} if "name" in choice else {}}
    if kind == "allowed_tools":
        allowed = choice.get("allowed_tools", choice)
        if isinstance(allowed, dict) and isinstance(tools := allowed.get("tools"), list):
            allowed = {**allowed, "tools": [_in_one_form(tool) for tool in tools]}
        return {"type": kind, "allowed_tools": allowed}
    return choice


AnyToolChoice = Annotated[
    Literal["none", "auto", "required"] | ToolChoice | AllowedToolsChoice,
    BeforeValidator(_in_one_form),
]


def named_tools(choice: str | ToolChoice | AllowedToolsChoice) -> list[str] | None:
    """Return the names of the tools that may be called; None if a choice names none."""
    if isinstance(choice, ToolChoice):
        return [choice.function.name]
    if isinstance(choice, AllowedToolsChoice):
        return [tool.function.name for tool in choice.allowed_tools.tools]
    return None


def mode_of(choice: str | ToolChoice | AllowedToolsChoice) -> str:
    """Return ``none``, ``auto`` or ``required``."""
    if isinstance(choice, ToolChoice):
        return "required"
    return choice.allowed_tools.mode if isinstance(choice, AllowedToolsChoice) else choice
