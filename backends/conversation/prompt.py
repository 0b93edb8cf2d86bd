"""A conversation as pieces of prompt in which content cannot become a control token, and no content is missing.

A page may contain ``<|im_end|>``. Rendered into the prompt and tokenised with special tokens on, it would end the
user's turn and let the page speak for the system. So the conversation is rendered twice, once with marks around each
text of its messages and tools; the marks show which characters of the prompt came from there, and a special token that
touches one of these is tokenised as plain text. Everything else is tokenised as the model expects, merges across
boundaries included.

Marks carry numbers, so they also show which texts the template wrote. A template that leaves out what was said or
offered raises ``template_error``: an answer to such a prompt would be an answer to something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from backends.contract import EngineError

# Unicode noncharacters: never in text that is exchanged, and removed from content first.
_BEGIN, _END, _BREAK, _CUT = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"
_DIGITS = "\ufde0\ufde1\ufde2\ufde3\ufde4\ufde5\ufde6\ufde7\ufde8\ufde9"
_MARKS = re.compile("[\ufdd0-\ufdef]")
_NUMBERS = re.compile(f"[{_BEGIN}{_END}]([{_DIGITS}]+)")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_WORDS = {"role": str.isidentifier, "type": str.isidentifier, "id": str.isalnum, "tool_call_id": str.isalnum}
"""Fields whose values are words that templates compare or measure, and what shows that a value is such a word."""
_SAID = re.compile(r"messages\.\d+\.content(\.\d+\.text)?|(messages\.\d+\.tool_calls|tools)\.\d+\.function\.name")
"""Paths of the texts that a prompt must hold. Thoughts of earlier turns are not among them: templates drop them."""
_ROLE = re.compile(r"messages\.\d+\.role")
_WORD = re.compile(r"\w+")
_PREFIX = 4
"""Characters by which special tokens are looked up before their lengths are tried."""
_MOST_ALTERNATIVES = 64
_COMPARED = 1024
"""Characters of a content whose words are looked for where marks changed the template's course."""

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

    def names_read(self) -> frozenset[str]:
        """Return the names of the template's variables that a conversation may set."""


class SpecialTokens:
    """Finds a vocabulary's special tokens in text, in time that does not grow with their number.

    Nor does it with the number of their lengths, where a text has many of their first characters, as HTML has.
    """

    def __init__(self, texts: Collection[str]) -> None:
        self._texts = frozenset(text for text in texts if text)
        self._joined = "\n".join(self._texts)
        lengths: dict[str, set[int]] = {}
        for text in self._texts:
            lengths.setdefault(text[:_PREFIX], set()).add(len(text))
        self._lengths = {prefix: sorted(found, reverse=True) for prefix, found in lengths.items()}
        self._prefix_lengths = sorted({len(prefix) for prefix in lengths}, reverse=True)
        self._first_characters = _any_of({text[0] for text in self._texts})
        self._first_pairs = _beginning(self._texts)

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of the longest token at every place where one starts, overlapping ones too."""
        for match in self._first_pairs.finditer(text):
            start = match.start()
            if length := self._longest(text, start):
                yield start, start + length

    def beginnings(self, text: str) -> Iterator[int]:
        """Yield where a character is the first of some special token."""
        return (match.start() for match in self._first_characters.finditer(text))

    def _longest(self, text: str, start: int) -> int:
        """Return the length of the longest token that starts there, 0 where none does."""
        for prefix_length in self._prefix_lengths:
            for length in self._lengths.get(text[start : start + prefix_length], ()):
                if text[start : start + length] in self._texts:
                    return length
        return 0

    def any_holds(self, text: str) -> bool:
        """Return True if a word is a part of a special token."""
        return text in self._joined

    def __contains__(self, text: str) -> bool:
        return text in self._texts


def _any_of(characters: Collection[str]) -> re.Pattern[str]:
    """Return an expression for one of these characters, which matches nothing where there are none."""
    return re.compile(f"[{re.escape(''.join(sorted(characters)))}]" if characters else "(?!)")


def _beginning(texts: Collection[str]) -> re.Pattern[str]:
    """Return an expression for the first character of a text, if what follows it can be that text's second."""
    seconds: dict[str, set[str]] = {}
    for text in texts:
        seconds.setdefault(text[0], set()).add(text[1:2])
    if len(seconds) > _MOST_ALTERNATIVES:
        return _any_of(seconds)
    alternatives = [
        re.escape(first) + ("" if "" in following else f"(?={_any_of(following).pattern})")
        for first, following in sorted(seconds.items())
    ]
    return re.compile("|".join(alternatives) or "(?!)", re.DOTALL)


def build(
    conversation: Variables, renderer: Renderer, special: SpecialTokens, *, continues: bool = False
) -> list[Piece]:
    """Return the prompt for a conversation. ``continues``: it ends with the content of the last message.

    Raises:
        EngineError: ``bad_param`` for an object's key that holds a control token; ``template_error`` where the template
            leaves out a content; what the renderer raises.
    """
    _refuse_keys(conversation, special)
    conversation = _changed(conversation, lambda text, _: _MARKS.sub(_REPLACEMENT, text), special)
    (plain,) = renderer.render(conversation)
    marks = _Marks(conversation, special)
    marked = _rendered_with_marks(renderer, marks.conversation)
    spans = _content_spans(_without_numbers(marked)) if marked is not None else None
    if marked is not None and spans is not None and _MARKS.sub("", marked) == plain:
        marks.require_all(marked, None)
        text = plain[: marks.end_of_last(marked)] if continues else plain
        return list(_pieces(text, _touching(special, text, spans)))
    # The template cuts or compares contents, so marks around them changed its course. Break the special tokens inside
    # contents instead; but a template that also joins or replaces could form new ones. So every character that could
    # begin one is broken in a second rendering, where none can begin in content: it tells how many there may be.
    marks.require_all(marked or "", plain)
    end = marks.last_content if continues else None
    lightly, wholly = renderer.render(
        *(
            _changed(conversation, partial(_broken, special, end=end, only_tokens=only_tokens), special)
            for only_tokens in (True, False)
        )
    )
    if continues:
        lightly, wholly = _cut(lightly), _cut(wholly)
    broken = lightly if _count(special, lightly) == _count(special, wholly) else wholly
    return [Piece(part, True) for part in broken.split(_BREAK) if part]


class _Marks:
    """A conversation with numbered marks around each of its texts, and the texts that a prompt must hold."""

    def __init__(self, conversation: Variables, special: SpecialTokens) -> None:
        self._texts = 0
        self._required: dict[str, tuple[str, str]] = {}
        self.last_content = ""
        """Path of the last content of a message."""
        self._last_number = ""
        self.conversation = _changed(conversation, self._mark, special)

    def require_all(self, marked: str, plain: str | None) -> None:
        """Raise ``template_error`` for a text that is not in the prompt.

        ``plain``: the prompt without marks, to search where marks changed the template's course.
        """
        found = {match[1] for match in _NUMBERS.finditer(marked)}
        for number, (path, core) in self._required.items():
            if number not in found and not (plain is not None and _holds(plain, core)):
                message = f"The model's chat template leaves out {path}."
                raise EngineError("template_error", message, path=path)

    def end_of_last(self, marked: str) -> int:
        """Return where the last content ends in the prompt without marks."""
        at = marked.rfind(_END + self._last_number)
        if at < 0:
            raise _not_continued()
        return len(_MARKS.sub("", marked[:at]))

    def _mark(self, text: str, path: str) -> str:
        """Return the text with marks just inside the white space around it, which templates like to trim."""
        core = text.strip()
        before = text[: len(text) - len(text.lstrip())] if core else text
        after = text[len(before) + len(core) :]
        self._texts += 1
        number = "".join(_DIGITS[int(digit)] for digit in str(self._texts)) + _BREAK
        if _SAID.fullmatch(path):
            if core:
                self._required[number[:-1]] = (path, core)
            if path.startswith("messages.") and not path.endswith("name"):
                self.last_content, self._last_number = path, number
        return f"{before}{_BEGIN}{number}{core}{_END}{number}{after}"


def _rendered_with_marks(renderer: Renderer, conversation: Variables) -> str | None:
    """Return None where marks make the template fail, such as one that measures an id."""
    try:
        (marked,) = renderer.render(conversation)
    except EngineError as error:
        if error.code != "template_error":
            raise
        return None
    return marked


def _holds(prompt: str, core: str) -> bool:
    """Return True if half of the text's first words are in the prompt, as they are or as JSON."""
    for form in (core, json.dumps(core)[1:-1]):
        words = set(_WORD.findall(form[:_COMPARED]))
        if sum(word in prompt for word in words) * 2 >= len(words):
            return True
    return False


def _cut(broken: str) -> str:
    text, found, _ = broken.rpartition(_CUT)
    if not found:
        raise _not_continued()
    return text


def _not_continued() -> EngineError:
    message = "The model's chat template cannot end with the content of the last message, an assistant's."
    return EngineError("template_error", message)


def _changed(value: Any, change: Callable[[str, str], str], special: SpecialTokens, path: str = "") -> Any:
    """Return the same with every text changed but words. ``change`` takes a text and its path."""
    if isinstance(value, str):
        return value if _is_word(value, path, special) else change(value, path)
    dot = f"{path}." if path else ""
    if isinstance(value, Mapping):
        return {name: _changed(inner, change, special, f"{dot}{name}") for name, inner in value.items()}
    if isinstance(value, Sequence):
        return [_changed(inner, change, special, f"{dot}{index}") for index, inner in enumerate(value)]
    return value


def _is_word(value: str, path: str, special: SpecialTokens) -> bool:
    """Return True for a text that templates compare or measure, and that cannot become a control token.

    Options of a template have paths without a point. They must not be the inside of a control token either, which a
    template could write around them.
    """
    if "." not in path:
        return value.isidentifier() and not special.any_holds(value)
    has_form = _WORDS.get(path.rpartition(".")[2])
    if has_form is None or not has_form(value):
        return False
    return _ROLE.fullmatch(path) is not None or not any(special.find(value))


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


def _broken(special: SpecialTokens, text: str, path: str, *, end: str | None, only_tokens: bool) -> str:
    """Return the text with its special tokens broken. The one at the path ``end`` has a cut before its white space."""
    core = text.rstrip() if path == end else text
    return _break(core, special, only_tokens=only_tokens) + (_CUT + text[len(core) :] if path == end else "")


def _break(text: str, special: SpecialTokens, *, only_tokens: bool) -> str:
    """The text with a break after the first character of each special token, or of all that could become one."""
    breaks = (start for start, _ in special.find(text)) if only_tokens else special.beginnings(text)
    broken = []
    at = 0
    for start in breaks:
        first = text[start]
        # a token of one character cannot be split
        broken += [text[at:start], _REPLACEMENT if first in special else first + _BREAK]
        at = start + 1
    return "".join([*broken, text[at:]])


def _without_numbers(marked: str) -> str:
    return re.sub(f"[{_DIGITS}{_BREAK}]", "", marked)


def _content_spans(marked: str) -> list[tuple[int, int]] | None:
    """Return where contents lie in the text without its marks, in order, or None where the marks do not pair."""
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
    """Yield where a special token touches content, overlapping finds merged, in order."""
    start = end = -1
    at = 0
    for found in special.find(text):
        while at < len(spans) and spans[at][1] <= found[0]:
            at += 1
        if at == len(spans) or spans[at][0] >= found[1]:
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
