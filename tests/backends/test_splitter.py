"""Thoughts, words and calls are told apart wherever the pieces are cut."""

from __future__ import annotations

import json

import pytest

from backends.conversation.splitter import Splitter, Thoughts
from backends.conversation.tools import HERMES, LLAMA, ToolFormat
from tests.backends.pieces import told_apart

TOOLS = frozenset({"get_weather", "search"})


def split(
    text: str,
    *,
    thoughts: Thoughts = "none",
    form: ToolFormat | None = None,
    seed: int = 0,
    cut: bool = False,
    has_grammar: bool = False,
) -> tuple[str, str, list[tuple[str, object]]]:
    """Return content, reasoning and calls of ``text``, which comes in random pieces. Arguments are text if ``cut``."""
    splitter = Splitter(thoughts, form, TOOLS, has_grammar=has_grammar)
    content, reasoning, calls = told_apart(splitter, text, seed, cut=cut)
    assert len({call.id for call in calls}) == len(calls)
    return content, reasoning, [(call.name, call.arguments if cut else json.loads(call.arguments)) for call in calls]


PARIS = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
ROME = '<tool_call>{"name": "get_weather", "arguments": {"city": "Rome"}}</tool_call>'


@pytest.mark.parametrize("seed", range(8))
def test_every_kind_of_answer(seed: int) -> None:
    hermes = {"form": HERMES, "seed": seed}
    weather = [("get_weather", {"city": "Paris"})]
    assert split("Just words.", seed=seed) == ("Just words.", "", [])
    assert split(PARIS, seed=seed) == (PARIS, "", []), "no tools were offered"
    assert split("<think>hm</think>\n\nYes.", seed=seed) == ("<think>hm</think>\n\nYes.", "", []), "it has no thoughts"
    assert split("<think>hm</think>\n\nYes.", thoughts="possible", seed=seed) == ("Yes.", "hm", [])
    assert split("\n<think>hm", thoughts="possible", seed=seed) == ("", "hm", []), "cut while it thinks"
    assert split("hm</think>\nYes. <think>", thoughts="begun", seed=seed) == ("Yes. <think>", "hm", [])
    assert split("<thin", thoughts="possible", seed=seed) == ("<thin", "", [])
    assert split(PARIS, **hermes) == ("", "", weather)
    assert split(f"Wait. {PARIS}\n{ROME}\n", **hermes) == ("Wait. ", "", [*weather, ("get_weather", {"city": "Rome"})])
    assert split(f"<think>a <tool_call> </think>{PARIS}", thoughts="possible", **hermes) == (
        "",
        "a <tool_call> ",
        weather,
    )
    assert split(PARIS[:30], **hermes) == (PARIS[:30], "", []), "a call that was cut is text"
    assert split("a <tool_cal", **hermes) == ("a <tool_cal", "", [])


def test_a_call_may_speak_of_its_own_marks() -> None:
    about = '{"name": "search", "arguments": {"query": "what is </tool_call>?"}}'
    assert split(f"<tool_call>{about}</tool_call>", form=HERMES) == (
        "",
        "",
        [("search", {"query": "what is </tool_call>?"})],
    )


def test_white_space_after_what_is_no_call_stays() -> None:
    text = "Write <tool_call>[]</tool_call>  then go."
    assert split(text, form=HERMES) == (text, "", [])


@pytest.mark.parametrize(
    "body",
    [
        "no JSON",
        '{"name": "rm", "arguments": {}}',
        '{"name": "search", "arguments": 3}',
        "[]",
        '{"name": {"a": 1}}',
        "[" * 9999,
    ],
)
def test_what_is_no_call_of_a_known_tool_is_text(body: str) -> None:
    text = f"<tool_call>{body}</tool_call>"
    assert split(text, form=HERMES) == (text, "", [])


def test_calls_without_marks_are_whole_answers() -> None:
    call = '{"name": "search", "parameters": {"query": "x"}}'
    assert split(f"\n{call}", form=LLAMA) == ("", "", [("search", {"query": "x"})])
    assert split("{not} a call", form=LLAMA) == ("{not} a call", "", [])
    assert split(f"See: {call}", form=LLAMA) == (f"See: {call}", "", [])


@pytest.mark.parametrize("has_grammar", [False, True])
@pytest.mark.parametrize("form", [HERMES, LLAMA])
def test_p1_no_cut_shows_markup(form: ToolFormat, has_grammar: bool) -> None:
    """Every prefix of an answer with a call: its words, no mark, and the arguments so far."""
    arguments = '{"query": "what is </tool_call>?", "n": [1, {"a": null}]}'
    before = "Let me see. " if form.begin else ""
    call = f'{form.begin}\n{{"name": "search", "{form.arguments}": {arguments}}}\n{form.end}'
    text = before + call
    for end in range(len(text) + 1):
        said, thought, calls = split(text[:end], form=form, seed=end, cut=True, has_grammar=has_grammar)
        assert (said.strip(), thought) == (before[:end].strip(), ""), text[:end]
        assert len(calls) <= 1
        for name, so_far in calls:
            assert name == "search"
            assert arguments.startswith(str(so_far))
        if end >= text.index(arguments) + len(arguments):
            assert calls == [("search", arguments)]
        elif end > text.index(arguments):
            assert calls[0][1] == text[text.index(arguments) : end]


def test_p1_a_call_without_its_closing_mark_is_whole() -> None:
    for rest in ("", "\n", "\n</tool", "</tool_call"):
        whole = PARIS.removesuffix("\n</tool_call>") + rest
        assert split(whole, form=HERMES) == ("", "", [("get_weather", {"city": "Paris"})])
    after = split(f"{PARIS}\n<tool_", form=HERMES, cut=True)
    assert after == ("", "", [("get_weather", '{"city": "Paris"}')])


def test_p1_what_is_cut_and_no_call_stays_text() -> None:
    assert split("<think>hm</thi", thoughts="possible", cut=True) == ("", "hm", [])
    assert split("<thi", thoughts="possible", cut=True) == ("", "", [])
    for text in (
        '<tool_call>{"name": "rm", "arguments": {"a',
        "<tool_call> is a mark",
        '<tool_call>{"name": "search", 3',
    ):
        assert split(text, form=HERMES, cut=True) == (text, "", [])
    assert split("{not} a call", form=LLAMA, cut=True) == ("{not} a call", "", [])


@pytest.mark.parametrize("form", [HERMES, LLAMA])
def test_p4_arguments_come_as_they_are_written(form: ToolFormat) -> None:
    """The answer of a grammar, character by character."""
    arguments = '{"query": "a \\"quote\\" }] \\\\", "n": [1, {"a": {}}], "é": "</tool_call>"}'
    call = f'{form.begin}\n{{"name": "search", "{form.arguments}": {arguments}}}\n{form.end}'
    said = "I look. " if form.begin else ""
    splitter = Splitter("none", form, TOOLS, has_grammar=True)
    came = [delta for character in said + call for delta in splitter.push(character)]
    assert "".join(delta.text for delta in came) == said
    first, *others = [part for delta in came for part in delta.tool_calls]
    assert (first.index, first.name, first.arguments) == (0, "search", "")
    assert [(part.index, part.arguments) for part in others] == [(0, character) for character in arguments]
    assert not any(part.id for part in others)
    assert splitter.finish() == []


@pytest.mark.parametrize("seed", range(8))
def test_p4_several_calls_in_pieces(seed: int) -> None:
    calls = [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Paris"})]
    assert split(f"{PARIS}\n{PARIS}", form=HERMES, seed=seed, has_grammar=True) == ("", "", calls)
    thought = f"<think>{PARIS}</think>{PARIS}"
    assert split(thought, thoughts="possible", form=HERMES, seed=seed, has_grammar=True) == ("", PARIS, calls[:1])


def test_p4_what_is_no_call_after_all_is_read_as_before() -> None:
    for text in ("Write <tool_call>[]</tool_call>  then go.", '<tool_call>{"name": "rm", "arguments": {}}</tool_call>'):
        assert split(text, form=HERMES, has_grammar=True) == (text, "", [])
