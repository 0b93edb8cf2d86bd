"""A tool call that an answer's end has cut: the call with its arguments so far, or the first characters of one."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from backends.contract import ToolCall
from backends.conversation.tools import ToolFormat
from backends.tool_calls import new_call_id

_NAME = re.compile(r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")')
_ARGUMENTS = re.compile(r'\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)')
_SPACE = re.compile(r"\s+")


def cut_call(text: str, form: ToolFormat, tools: Collection[str]) -> ToolCall | None:
    """Return the call that ``text`` (what follows the opening mark) begins, or None if it begins none.

    The arguments are whole JSON if their closing brace is there; else they are the text so far, which may be empty.

    Args:
        text: JSON that ends anywhere after the name of the tool. A closing mark, or a part of one, may follow.
        form: The form of the model's calls.
        tools: Names of the tools that the model was offered.
    """
    head = _NAME.match(text)
    if head is None:
        return None
    name = _loaded(head[1])
    if not isinstance(name, str) or name not in tools:
        return None
    arguments = _ARGUMENTS.match(text, head.end())
    if arguments is None:
        follows = text[head.end() :].strip()
        return ToolCall(new_call_id(), name, "") if _begins_arguments(follows, form) else None
    rest = text[arguments.end() :]
    try:
        whole, _ = json.JSONDecoder().raw_decode(rest)
    except (ValueError, RecursionError):
        return ToolCall(new_call_id(), name, rest) if _begins_object(rest) else None
    return ToolCall(new_call_id(), name, json.dumps(whole, ensure_ascii=False))


def may_begin_call(text: str, tools: Collection[str]) -> bool:
    """Return True if ``text`` is the beginning of a call, cut before the name of a tool is complete."""
    written = _SPACE.sub("", text)
    return any(f'{{"name":"{tool}"'.startswith(written) for tool in tools)


def _begins_arguments(text: str, form: ToolFormat) -> bool:
    """Return True for what may stand between a tool's name and its arguments, as far as it came."""
    return f',"{form.arguments}":'.startswith(_SPACE.sub("", text))


def _begins_object(text: str) -> bool:
    from pydantic_core import from_json  # noqa: PLC0415  # takes 20 ms, and few answers are cut in a call

    try:
        return isinstance(from_json(text, allow_partial="trailing-strings"), dict)
    except ValueError:
        return False


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
