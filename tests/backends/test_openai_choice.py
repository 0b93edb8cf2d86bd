"""What servers of OpenAI's dialect send in a chunk, usual or odd."""

from __future__ import annotations

from typing import Any

import pytest

from backends.contract import ToolCallPart
from backends.http.openai_choice import CallParts, piece_of
from backends.tool_calls import whole_calls


def calls(*found: Any) -> list[tuple[str, str]]:
    calls = CallParts()
    parts = [part for entries in found for part in calls.add(entries)]
    return [(call.name, call.arguments) for call in whole_calls([*parts, *calls.finish()])]


def part(index: int | None, arguments: str, **more: Any) -> dict[str, Any]:
    function = {"arguments": arguments, **({"name": more.pop("name")} if "name" in more else {})}
    return {**({} if index is None else {"index": index}), "function": function, **more}


def test_calls_come_in_parts() -> None:
    first, second = part(0, '{"x"', id="a", name="f"), part(1, "{", id="b", name="g")
    assert calls([first], [second], [part(0, ": 1}")], [part(1, "}")]) == [("f", '{"x": 1}'), ("g", "{}")]


def test_p4_parts_are_passed_on_as_they_come() -> None:
    calls = CallParts()
    assert calls.add([part(0, '{"', id="a")]) == (), "no name yet"
    assert calls.add([part(0, "x", name="f")]) == (ToolCallPart(0, '{"x', "a", "f"),)
    assert calls.add([part(1, "", id="b", name="g")]) == (ToolCallPart(1, "", "b", "g"),)
    assert calls.add([part(0, '": 1}', id="a", name="f"), part(0, "")]) == (ToolCallPart(0, '": 1}'),)
    assert calls.finish() == (ToolCallPart(1, "{}"),), "a call without arguments"


@pytest.mark.parametrize("index", [0, None])
def test_two_calls_under_one_index_are_two(index: int | None) -> None:
    one, other = part(index, '{"x": 1}', id="a", name="f"), part(index, '{"x": 2}', id="b", name="f")
    assert calls([one], [other]) == [("f", '{"x": 1}'), ("f", '{"x": 2}')]


def test_no_name_is_too_odd() -> None:
    assert calls([part(0, "{}", name="get weather" * 20)]) == [("get weather" * 20, "{}")]
    assert calls([part(0, "{}")], ["x", None], "x", [{"function": []}]) == []


def test_probabilities_of_both_routes() -> None:
    chat = {
        "content": [{"token": "é", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "a", "logprob": -1}]}]
    }
    (it,) = piece_of({"delta": {"content": "é"}, "logprobs": chat}, CallParts()).logprobs  # type: ignore[union-attr]
    assert (it.text, it.data, it.logprob, it.top[0].text) == ("é", "é".encode(), -0.5, "a")
    columns = {"tokens": ["a", "b"], "token_logprobs": [-1, -2], "top_logprobs": [{"x": -3, "a": -1}, None]}
    one, other = piece_of({"text": "ab", "logprobs": columns}, CallParts()).logprobs  # type: ignore[union-attr]
    assert [top.text for top in one.top] == ["a", "x"]
    assert (other.text, other.logprob, other.top) == ("b", -2.0, ())


@pytest.mark.parametrize(
    "entry",
    [
        {"token": "a", "logprob": "x"},
        {"token": 1, "logprob": -1},
        {"token": "a", "logprob": 10**400},
        {"token": "a", "logprob": float("nan")},
        "x",
    ],
)
def test_odd_probabilities_are_left_out(entry: Any) -> None:
    piece = piece_of({"delta": {"content": "a"}, "logprobs": {"content": [entry]}}, CallParts())
    assert piece is not None
    assert piece.logprobs == ()


@pytest.mark.parametrize("data", ["", [300], {}, 5])
def test_odd_bytes_are_those_of_the_text(data: Any) -> None:
    entry = {"token": "\ud800", "logprob": -1, "bytes": data}
    piece = piece_of({"delta": {"content": "a"}, "logprobs": {"content": [entry]}}, CallParts())
    assert piece is not None
    assert piece.logprobs[0].data == b"?"
