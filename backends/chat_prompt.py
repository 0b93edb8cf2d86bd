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


class SpecialTokens:
    """Finds a vocabulary's special tokens in text, in time that does not grow with their number."""

    def __init__(self, texts: Collection[str]) -> None:
        self._texts = frozenset(text for text in texts if text)
        self._lengths = sorted({len(text) for text in self._texts}, reverse=True)
        self.first_characters = frozenset(text[0] for text in self._texts)
        self._start = re.compile(f"[{re.escape(''.join(sorted(self.first_characters)))}]") if self._texts else None

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of the longest token at every place where one starts, overlapping ones too."""
        for match in self._start.finditer(text) if self._start else ():
            start = match.start()
            for length in self._lengths:
                if text[start : start + length] in self._texts:
                    yield start, start + length
                    break

    def __contains__(self, text: str) -> bool:
        return text in self._texts


def build(messages: Sequence[Message], renderer: Renderer, special: SpecialTokens) -> list[Piece]:
    """The prompt for ``messages``.

    Raises:
        EngineError: what the renderer raises.
    """
    messages = [{**message, "content": _MARKS.sub(_REPLACEMENT, message["content"])} for message in messages]
    plain, marked = renderer.render(messages, [_mark(message) for message in messages])
    spans = _content_spans(marked)
    if spans is not None and _MARKS.sub("", marked) == plain:
        return list(_pieces(plain, _touching(special, plain, spans)))
    # The template cuts or compares contents, so marks around them changed its course. Break the special tokens inside
    # contents instead; but a template that also joins or replaces could form new ones. So every character that could
    # begin one is broken in a second rendering, where none can begin in content: it tells how many there may be.
    lightly, wholly = renderer.render(
        [_break(message, special, only_tokens=True) for message in messages],
        [_break(message, special, only_tokens=False) for message in messages],
    )
    broken = lightly if _count(special, lightly) == _count(special, wholly) else wholly
    return [Piece(part, True) for part in broken.split(_BREAK) if part]


def _count(special: SpecialTokens, broken: str) -> int:
    return sum(1 for part in broken.split(_BREAK) for _ in special.find(part))


def _mark(message: Message) -> dict[str, str]:
    """The message with marks just inside the white space around its content, which templates like to trim."""
    content = message["content"]
    core = content.strip()
    before = content[: len(content) - len(content.lstrip())] if core else content
    after = content[len(before) + len(core) :]
    return {**message, "content": f"{before}{_BEGIN}{core}{_END}{after}"}


def _break(message: Message, special: SpecialTokens, *, only_tokens: bool) -> dict[str, str]:
    """The message with a break after the first character of each special token, or of all that could become one."""
    content = message["content"]
    starts = {start for start, _ in special.find(content)}
    broken = []
    for index, character in enumerate(content):
        if character in special:
            broken.append(_REPLACEMENT)  # a token of one character cannot be split
        elif index in starts or (not only_tokens and character in special.first_characters):
            broken.append(character + _BREAK)
        else:
            broken.append(character)
    return {**message, "content": "".join(broken)}


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


def _touching(special: SpecialTokens, text: str, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Where a special token touches content, overlapping finds merged, in order."""
    start = end = -1
    for found in special.find(text):
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
