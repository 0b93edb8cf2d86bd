"""Row H9: thoughts are told from what is said by each family's marks, and channels by gpt-oss's."""

from __future__ import annotations

import json

import pytest

from backends.conversation.harmony import HarmonySplitter
from backends.conversation.prompt import SpecialTokens
from backends.conversation.splitter import Splitter
from backends.conversation.thoughts import FAMILIES, THINK, ThoughtMarks, is_harmony, marks_of
from backends.conversation.tools import HERMES
from tests.backends.pieces import told_apart

TOOLS = frozenset({"find"})
Parts = tuple[str, str, list[tuple[str, str]]]


def read(splitter: Splitter | HarmonySplitter, text: str, seed: int, *, cut: bool = False) -> Parts:
    """Return content, reasoning and calls of ``text``, which comes in random pieces."""
    content, reasoning, calls = told_apart(splitter, text, seed, cut=cut)
    return content, reasoning, [(call.name, call.arguments) for call in calls]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("marks", FAMILIES, ids=lambda marks: marks.begin)
def test_h9_marks_of_each_family(marks: ThoughtMarks, seed: int) -> None:
    template = f"{{{{ messages[0].content }}}}{marks.begin}"
    assert marks_of(template, SpecialTokens([])) == marks
    assert marks_of("{{ messages }}", SpecialTokens([marks.begin, marks.end])) == marks
    text = f"{marks.begin}\nhm{marks.end}\n\nYes {marks.begin}."
    assert read(Splitter("possible", None, TOOLS, marks), text, seed) == (f"Yes {marks.begin}.", "\nhm", [])
    begun = Splitter("begun", None, TOOLS, marks)
    assert read(begun, text.removeprefix(marks.begin), seed) == (f"Yes {marks.begin}.", "\nhm", [])


def test_h9_a_template_without_marks() -> None:
    assert marks_of("{{ messages }}", SpecialTokens(["<|im_end|>"])) is None
    assert marks_of("<think>", SpecialTokens(["[THINK]", "[/THINK]"])) == THINK, "the template counts first"
    assert is_harmony("<|start|>{{ x }}<|channel|>final<|message|>")
    assert not is_harmony("<|start|>{{ x }}<|message|>")


ANALYSIS = "<|channel|>analysis<|message|>We think.<|end|><|start|>assistant"
FINAL = "<|channel|>final<|message|>Paris, of course."
CALL = '<|channel|>commentary to=functions.find <|constrain|>json<|message|>{"city": "Rome"}'


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (ANALYSIS + FINAL, ("Paris, of course.", "We think.", [])),
        (ANALYSIS + FINAL + "<|return|>", ("Paris, of course.", "We think.", [])),
        (FINAL, ("Paris, of course.", "", [])),
        (ANALYSIS + ANALYSIS + FINAL, ("Paris, of course.", "We think.We think.", [])),
        (ANALYSIS + CALL + "<|call|>", ("", "We think.", [("find", '{"city": "Rome"}')])),
        (ANALYSIS + CALL, ("", "We think.", [("find", '{"city": "Rome"}')])),
        (ANALYSIS + CALL.replace("find", "unknown"), ('{"city": "Rome"}', "We think.", [])),
        ("<|channel|>commentary<|message|>I shall look.<|end|><|start|>assistant" + CALL,
         ("I shall look.", "", [("find", '{"city": "Rome"}')])),
        (FINAL + ' <tool_call>{"name": "find", "arguments": {}}</tool_call>',
         ("Paris, of course. ", "", [("find", "{}")])),
        ("Just words, as a damaged model writes them.", ("Just words, as a damaged model writes them.", "", [])),
    ],
)  # fmt: skip
def test_h9_channels(text: str, parts: Parts, seed: int) -> None:
    assert read(HarmonySplitter(Splitter("none", HERMES, TOOLS), TOOLS), text, seed) == parts


@pytest.mark.parametrize("length", range(len(ANALYSIS + CALL)))
def test_h9_a_cut_answer_shows_no_mark(length: int) -> None:
    splitter = HarmonySplitter(Splitter("none", HERMES, TOOLS), TOOLS)
    content, reasoning, calls = read(splitter, (ANALYSIS + CALL)[:length], length, cut=True)
    assert "We think.".startswith(reasoning)
    assert content == ""
    assert all(json.dumps({"city": "Rome"}).startswith(arguments) for _, arguments in calls)
