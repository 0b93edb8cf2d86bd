"""A conversation as pieces of prompt in which content cannot become a control token.

A page may contain ``<|im_end|>``. Rendered into the prompt and tokenised with special tokens on, it would end the
user's turn and let the page speak for the system. So the conversation is rendered twice, once with marks around each
content; the marks tell which characters of the prompt came from content, and a special token that touches one of these
is tokenised as plain text. Everything else is tokenised as the model expects, merges across boundaries included.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

# Unicode noncharacters: never in text that is exchanged, and taken out of content first.
_BEGIN, _END, _BREAK = "\ufdd0", "\ufdd1", "\ufdd2"
_MARKS = re.compile(f"[{_BEGIN}{_END}{_BREAK}]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

Message = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Piece:
    """Text to tokenise, with special tokens parsed or not."""

    text: str
    parse_special: bool


class Renderer(Protocol):
    """What turns conversations into text; ``TemplateProcess`` does."""

    def render(self, *conversations: Sequence[Message]) -> list[str]:
        """Each conversation as text."""


def build(messages: Sequence[Message], renderer: Renderer, special_tokens: Collection[str]) -> list[Piece]:
    """The prompt for ``messages``.

    Raises:
        EngineError: what the renderer raises.
    """
    messages = [{**message, "content": _MARKS.sub(_REPLACEMENT, message["content"])} for message in messages]
    plain, marked = renderer.render(messages, [_mark(message) for message in messages])
    special = _pattern(special_tokens)
    spans = _content_spans(marked)
    if spans is not None and _MARKS.sub("", marked) == plain:
        return list(_pieces(plain, _touching(special, plain, spans)))
    # The template cuts or compares contents, so marks around them changed its course. Marks inside special tokens do
    # not: split there, and no token can form.
    (broken,) = renderer.render([_break(message, special) for message in messages])
    return [Piece(part, True) for part in broken.split(_BREAK) if part]


def _mark(message: Message) -> dict[str, str]:
    """The message with marks just inside the white space around its content, which templates like to trim."""
    content = message["content"]
    core = content.strip()
    before = content[: len(content) - len(content.lstrip())] if core else content
    after = content[len(before) + len(core) :]
    return {**message, "content": f"{before}{_BEGIN}{core}{_END}{after}"}


def _break(message: Message, special: re.Pattern[str] | None) -> dict[str, str]:
    content = message["content"]
    if special is None:
        return dict(message)
    starts = {match.start() for match in special.finditer(content)}
    broken = "".join(character + (_BREAK if index in starts else "") for index, character in enumerate(content))
    return {**message, "content": broken}


def _pattern(special_tokens: Collection[str]) -> re.Pattern[str] | None:
    """Finds every special token, overlapping ones too: an empty match at its start, the token in group 1."""
    if not special_tokens:
        return None
    longest_first = sorted(special_tokens, key=len, reverse=True)
    return re.compile(f"(?=({'|'.join(map(re.escape, longest_first))}))")


def _content_spans(marked: str) -> list[tuple[int, int]] | None:
    """Where contents lie in the text without its marks, or None where the marks do not pair."""
    spans: list[tuple[int, int]] = []
    begin: int | None = None
    for marks_before, match in enumerate(_MARKS.finditer(marked)):
        at = match.start() - marks_before
        if (match.group() == _BEGIN) != (begin is None):
            return None
        if begin is None:
            begin = at
        else:
            spans.append((begin, at))
            begin = None
    return spans if begin is None else None


def _touching(
    special: re.Pattern[str] | None, text: str, spans: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Where a special token touches content, overlapping finds merged, in order."""
    start = end = -1
    for match in special.finditer(text) if special else ():
        found = match.span(1)
        if not any(found[0] < span[1] and span[0] < found[1] for span in spans):
            continue
        if found[0] < end:
            end = max(end, found[1])
            continue
        if end > 0:
            yield start, end
        start, end = found
    if end > 0:
        yield start, end


def _pieces(text: str, forged: Iterator[tuple[int, int]]) -> Iterator[Piece]:
    at = 0
    for start, end in forged:
        if at < start:
            yield Piece(text[at:start], True)
        yield Piece(text[start:end], False)
        at = end
    if at < len(text):
        yield Piece(text[at:], True)
