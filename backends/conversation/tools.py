"""How models are told of tools, and how they write that one is to be called.

Where a model's template has a way of its own that is known here, that is used; else the tools are described in the
system message, in the form of the Hermes models, which others were trained on too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backends.contract import EngineError, Message, ToolCall
from backends.conversation.shape import joined
from backends.grammar import WHITESPACE
from backends.json_schemas import as_far_as_possible, rewritten
from backends.schema_faults import schema_fault
from backends.tool_calls import new_call_id


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """The form of a call: JSON with ``name`` and ``arguments`` (the latter's key differs) between two marks.

    Without marks a call is the whole answer.
    """

    begin: str
    end: str
    arguments: str

    def before_arguments(self, name: str) -> str:
        """Return the beginning of a call of the tool ``name`` as a grammar has it, up to the arguments."""
        return f'{{"name": "{name}", "{self.arguments}": '


HERMES = ToolFormat("<tool_call>", "</tool_call>", "arguments")
LLAMA = ToolFormat("", "", "parameters")
_NATIVE: tuple[tuple[ToolFormat, tuple[str, ...], tuple[str, ...]], ...] = (
    (HERMES, ("tools", "<tool_call>"), ("<function=", "<arg_key>")),
    (LLAMA, ("tools", "<|python_tag|>", '"parameters"'), ()),
)
"""A format, what a template that has it holds, and what would show it to have another."""
_HOW = """You may call these functions:
<tools>
{tools}
</tools>
To call one, write its name and its arguments as JSON between these marks and nothing after them:
<tool_call>
{{"name": "…", "arguments": {{…}}}}
</tool_call>"""


def native_format(template: str) -> ToolFormat | None:
    """The format that a template (its source) renders tools for; None where it is unknown or renders none."""
    for form, present, absent in _NATIVE:
        if all(mark in template for mark in present) and not any(mark in template for mark in absent):
            return form
    return None


def described(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Return the messages with ``tools`` in a system message, and calls and their results as text."""
    turns = _joined(messages)
    if not tools:
        return turns
    how = _HOW.format(tools="\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools))
    if turns and turns[0]["role"] == "system":
        first, *rest = turns
        return [{**first, "content": joined(first["content"], how)}, *rest]
    return [{"role": "system", "content": how}, *turns]


def _joined(messages: Sequence[Message]) -> list[Message]:
    """As text; results, and what the user adds to them, are one turn: many templates want turns to alternate."""
    turns: list[Message] = []
    for message in messages:
        turn = _as_text(message)
        follows_result = turns and "result" in turns[-1] and turn["role"] == "user"
        if follows_result and isinstance(turn["content"], str):
            turn = {**turn, "content": f"{turns.pop()['content']}\n{turn['content']}", "result": True}
        turns.append(turn)
    return [{key: value for key, value in turn.items() if key != "result"} for turn in turns]


def _as_text(message: Message) -> Message:
    if message["role"] == "tool":
        return {"role": "user", "content": f"<tool_response>\n{message['content']}\n</tool_response>", "result": True}
    if "tool_calls" not in message:
        return message
    calls = [
        {"name": call["function"]["name"], "arguments": call["function"]["arguments"]} for call in message["tool_calls"]
    ]
    written = [f"{HERMES.begin}\n{json.dumps(call, ensure_ascii=False)}\n{HERMES.end}" for call in calls]
    content = [message["content"]] if message["content"] else []
    others = {name: value for name, value in message.items() if name != "tool_calls"}
    return {**others, "content": "\n".join([*content, *written])}


def call_rules(form: ToolFormat, tools: Sequence[Mapping[str, Any]], *, parallel: bool) -> list[str]:
    """Rules of a Lark grammar: ``calls`` is one or more of them, ``calls_after_mark`` the same after ``form.begin``.

    ``@tool_0``, ``@tool_1`` … are the grammars of the tools' arguments.
    """
    before = [form.before_arguments(tool["function"]["name"]) for tool in tools]
    calls = [f"{_literal(text)} @tool_{index} {_literal('}')}" for index, text in enumerate(before)]
    call = f"call: {' | '.join(calls)}"
    if not form.begin:
        return [call, "calls: call"]
    begin, end = _literal(f"{form.begin}\n"), _literal(f"\n{form.end}")
    again = f' ("\\n" {begin} call {end})*' if parallel else ""
    return [
        call,
        f"calls: {begin} call {end}{again}",
        f'calls_after_mark: "\\n" call {end}{again}',
    ]


def arguments_schema(tool: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a tool's arguments, written as models were trained to write JSON.

    One that is not ``strict`` is kept to as far as a grammar can.

    Raises:
        EngineError: ``bad_param`` where it is not one of objects.
    """
    function = tool["function"]
    schema = rewritten({"type": "object", **(function.get("parameters") or {})})
    if schema["type"] != "object":
        name = function["name"]
        raise EngineError("bad_param", f"tools: the parameters of {name} are not of the type object.", path="tools")
    if function.get("strict"):
        if fault := schema_fault(schema):
            message = f"tools: the parameters of {function['name']} cannot be kept to: {fault}"
            raise EngineError("bad_param", message, path="tools")
        return {**schema, "x-guidance": WHITESPACE}
    possible = as_far_as_possible(schema)
    return {**possible, "x-guidance": {**possible["x-guidance"], **WHITESPACE}}


def parse_call(text: str, form: ToolFormat, names: frozenset[str]) -> ToolCall | None:
    """The call that ``text`` (between the marks) is; None where it is none, or of no known tool."""
    try:
        call = json.loads(text)
        name, arguments = call["name"], call.get(form.arguments, call.get("arguments", {}))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if not isinstance(name, str) or name not in names or not isinstance(arguments, dict):
        return None
    return ToolCall(new_call_id(), name, json.dumps(arguments, ensure_ascii=False))


def is_json(text: str) -> bool:
    """Whether it is a whole document."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


_literal: Callable[[str], str] = json.dumps
"""A string of Lark is escaped as JSON's."""
