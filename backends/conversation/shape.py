"""The shapes of a conversation that a template may take, in the order in which they are tried.

Templates differ in what they accept: some raise for a system message or for two turns of one role in a row, some read
one system message and drop others, some read only contents that are lists of parts. No list of models can tell, but the
template can: it either writes every content of a shape or it does not (``prompt.build`` raises then). So a conversation
is rendered as the client sent it, and where that fails, with more and more changes, none of which loses a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]
Messages = list[Message]
Change = Callable[[Sequence[Message]], Messages]

REASONING = ("reasoning_content", "thinking")
"""Names under which templates read the thoughts of an earlier turn; gpt-oss's reads the second."""
PARAGRAPH = "\n\n"


def shapes(messages: Sequence[Message], *, parts: Sequence[bool]) -> Iterator[Messages]:
    """Yield the shapes, without repetitions. ``parts``: whether contents are lists, in the order to try."""
    tried: list[Messages] = []
    for source in (list(messages), _without_reasoning(messages)):
        for is_parts in parts:
            for changes in _CHANGES:
                shape = source
                for change in changes:
                    shape = change(shape)
                shape = in_parts(shape) if is_parts else shape
                if shape not in tried:
                    tried.append(shape)
                    yield shape


def in_parts(messages: Sequence[Message]) -> Messages:
    """Return contents as lists of parts, but the results of tools."""
    return [
        {**message, "content": [{"type": "text", "text": message["content"]}]}
        if isinstance(message["content"], str) and message["role"] != "tool"
        else message
        for message in messages
    ]


def joined(first: Any, second: Any) -> Any:
    """Return two contents as one, which is text if both are."""
    if isinstance(first, str) and isinstance(second, str):
        return PARAGRAPH.join(text for text in (first, second) if text)
    return [*_as_parts(first), *_as_parts(second)]


def _as_parts(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _one_system(messages: Sequence[Message]) -> Messages:
    """Return all system messages as one at the head."""
    said = [message["content"] for message in messages if message["role"] == "system"]
    others = [message for message in messages if message["role"] != "system"]
    if not said:
        return others
    content = said[0]
    for more in said[1:]:
        content = joined(content, more)
    return [{"role": "system", "content": content}, *others]


def _folded(messages: Sequence[Message]) -> Messages:
    """Return the system message at the head as the beginning of the first user turn."""
    if not messages or messages[0]["role"] != "system":
        return list(messages)
    system, *turns = messages
    at = next((index for index, turn in enumerate(turns) if turn["role"] == "user"), None)
    if at is None:
        return [{"role": "user", "content": system["content"]}, *turns]
    question = {**turns[at], "content": joined(system["content"], turns[at]["content"])}
    return [*turns[:at], question, *turns[at + 1 :]]


def _alternating(messages: Sequence[Message]) -> Messages:
    """Return neighbours of one role as one turn. After the system message the user's turn comes first."""
    turns: Messages = []
    for message in messages:
        role = message["role"]
        if turns and role == turns[-1]["role"] and role != "tool":
            turns.append(_merged(turns.pop(), message))
        else:
            turns.append(message)
    first = 1 if turns and turns[0]["role"] == "system" else 0
    if turns[first:] and turns[first]["role"] != "user":
        turns.insert(first, {"role": "user", "content": ""})
    return turns


def _merged(first: Message, second: Message) -> Message:
    merged = {**first, **second, "content": joined(first["content"], second["content"])}
    for name in REASONING:
        thoughts = [turn[name] for turn in (first, second) if turn.get(name)]
        if thoughts:
            merged[name] = PARAGRAPH.join(thoughts)
    calls = [call for turn in (first, second) for call in turn.get("tool_calls", ())]
    return {**merged, "tool_calls": calls} if calls else merged


def _without_reasoning(messages: Sequence[Message]) -> Messages:
    """Return the turns without their thoughts, for templates that raise for them in some places."""
    return [{name: value for name, value in message.items() if name not in REASONING} for message in messages]


_CHANGES: tuple[tuple[Change, ...], ...] = (
    (),
    (_one_system,),
    (_one_system, _alternating),
    (_one_system, _folded),
    (_one_system, _folded, _alternating),
)
