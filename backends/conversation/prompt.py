"""A conversation as pieces of prompt in which content cannot become a control token.

A page may contain ``<|im_end|>``. Rendered into the prompt and tokenised with special tokens on, it would end the
user's turn and let the page speak for the system. So the conversation is rendered twice, once with marks around each
text of its messages and tools; the marks tell which characters of the prompt came from there, and a special token that
touches one of these is tokenised as plain text. Everything else is tokenised as the model expects, merges across
boundaries included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from backends.contract import EngineError

# Unicode noncharacters: never in text that is exchanged, and taken out of content first.
_BEGIN, _END, _BREAK = "\ufdd0", "\ufdd1", "\ufdd2"
_MARKS = re.compile(f"[{_BEGIN}{_END}{_BREAK}]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_WORDS = frozenset({"role", "type"})
"""Fields whose values are words that templates compare."""

Variables = Mapping[str, Any]
"""What a template is given: ``messages``, and where there are any ``tools`` and more."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text to tokenise, with special tokens parsed or not."""

    text: str
    parse_special: bool


class Renderer(Protocol):
    """What turns conversations into text; ``TemplateProcess`` does."""

    def render(self, *conversations: Variables) -> list[str]:
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


def build(conversation: Variables, renderer: Renderer, special: SpecialTokens) -> list[Piece]:
    """The prompt for a conversation.

    Raises:
        EngineError: ``bad_param`` for an object's key that holds a control token; what the renderer raises.
    """
    _refuse_keys(conversation, special)
    conversation = _changed(conversation, lambda text: _MARKS.sub(_REPLACEMENT, text))
    plain, marked = renderer.render(conversation, _changed(conversation, _mark))
    spans = _content_spans(marked)
    if spans is not None and _MARKS.sub("", marked) == plain:
        return list(_pieces(plain, _touching(special, plain, spans)))
    # The template cuts or compares contents, so marks around them changed its course. Break the special tokens inside
    # contents instead; but a template that also joins or replaces could form new ones. So every character that could
    # begin one is broken in a second rendering, where none can begin in content: it tells how many there may be.
    lightly, wholly = renderer.render(
        _changed(conversation, lambda text: _break(text, special, only_tokens=True)),
        _changed(conversation, lambda text: _break(text, special, only_tokens=False)),
    )
    broken = lightly if _count(special, lightly) == _count(special, wholly) else wholly
    return [Piece(part, True) for part in broken.split(_BREAK) if part]


def _changed(value: Any, change: Callable[[str], str], key: str = "") -> Any:
    """The same with every text in it changed, but for words."""
    if isinstance(value, str):
        return value if key in _WORDS and value.isidentifier() else change(value)
    if isinstance(value, Mapping):
        return {name: _changed(it, change, name) for name, it in value.items()}
    return [_changed(it, change) for it in value] if isinstance(value, Sequence) else value


def _refuse_keys(value: Any, special: SpecialTokens) -> None:
    """Templates look fields up by their keys, so those cannot be marked."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if _MARKS.search(key) or any(special.find(key)):
                raise EngineError("bad_param", f"messages, tools: a key holds a control token: {key[:64]!r}.")
            _refuse_keys(inner, special)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            _refuse_keys(inner, special)


def _count(special: SpecialTokens, broken: str) -> int:
    return sum(1 for part in broken.split(_BREAK) for _ in special.find(part))


def _mark(text: str) -> str:
    """The text with marks just inside the white space around it, which templates like to trim."""
    core = text.strip()
    before = text[: len(text) - len(text.lstrip())] if core else text
    after = text[len(before) + len(core) :]
    return f"{before}{_BEGIN}{core}{_END}{after}"


def _break(text: str, special: SpecialTokens, *, only_tokens: bool) -> str:
    """The text with a break after the first character of each special token, or of all that could become one."""
    starts = {start for start, _ in special.find(text)}
    broken = []
    for index, character in enumerate(text):
        if character in special:
            broken.append(_REPLACEMENT)  # a token of one character cannot be split
        elif index in starts or (not only_tokens and character in special.first_characters):
            broken.append(character + _BREAK)
        else:
            broken.append(character)
    return "".join(broken)


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
