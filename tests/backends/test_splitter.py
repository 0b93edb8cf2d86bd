"""Thoughts, words and calls are told apart wherever the pieces are cut."""

from __future__ import annotations

import json
import random

import pytest

from backends.contract import Delta
from backends.conversation.splitter import Splitter, Thoughts
from backends.conversation.tools import HERMES, LLAMA, ToolFormat

TOOLS = frozenset({"get_weather", "search"})


def split(
    text: str, *, thoughts: Thoughts = "none", form: ToolFormat | None = None, seed: int = 0
) -> tuple[str, str, list[tuple[str, object]]]:
    """What is said, thought and called, from ``text`` in random pieces."""
    splitter = Splitter(thoughts, form, TOOLS)
    rng = random.Random(seed)
    deltas: list[Delta] = []
    while text:
        cut = rng.randrange(1, 1 + min(len(text), 9))
        deltas += splitter.push(text[:cut])
        text = text[cut:]
    deltas += splitter.finish()
    calls = [call for delta in deltas for call in delta.tool_calls]
    assert len({call.id for call in calls}) == len(calls)
    return (
        "".join(delta.text for delta in deltas),
        "".join(delta.reasoning for delta in deltas),
        [(call.name, json.loads(call.arguments)) for call in calls],
    )


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
