"""How likely the model found its tokens, in both engines."""

from __future__ import annotations

import math
from typing import Any

import pytest
from llguidance import LLMatcher
from tabagent_model import CandleModel, InvalidParameter, PyModel

Model = PyModel | CandleModel

PROMPT = "The capital of France is"
NEAR = 0.05
"""Batching and caching change logits in their last digits, of quantised weights more than of floats."""


def _log_softmax(logits: list[float]) -> list[float]:
    highest = max(logits)
    total = highest + math.log(sum(math.exp(logit - highest) for logit in logits))
    return [logit - total for logit in logits]


@pytest.mark.parametrize(
    "options",
    [{"temperature": 0.0}, {"temperature": 1.5, "seed": 3, "top_k": 0, "repeat_penalty": 2.0}],
    ids=["greedy", "drawn"],
)
def test_they_are_the_models_own(either: Model, options: dict[str, Any]) -> None:
    """Whatever the temperature and the penalty: the log-softmax of the logits as they came."""
    done = either.generate(PROMPT, 6, logprobs=5, **options)
    assert [found.token for found in done.logprobs] == done.tokens
    prompt = either.tokenize(PROMPT, add_special=True)
    for index, found in enumerate(done.logprobs):
        expected = _log_softmax(either.next_logits(prompt + done.tokens[:index]))
        assert found.logprob == pytest.approx(expected[found.token], abs=NEAR)
        likeliest = [logprob for _, _, logprob in found.top]
        assert len(likeliest) == 5
        assert likeliest == sorted(likeliest, reverse=True)
        assert likeliest == pytest.approx(sorted(expected, reverse=True)[:5], abs=NEAR)
        assert sum(map(math.exp, likeliest)) <= 1 + 1e-9
        for token, piece, logprob in found.top:
            assert logprob == pytest.approx(expected[token], abs=NEAR)
            assert token != found.token or (piece, logprob) == (found.bytes, found.logprob)
        assert (found.token in {token for token, _, _ in found.top}) == (found.logprob >= likeliest[-1])


def test_the_likeliest_is_the_greedy_one(either: Model) -> None:
    for found in either.generate(PROMPT, 8, temperature=0, logprobs=1).logprobs:
        assert found.top == [(found.token, found.bytes, found.logprob)]


def test_a_grammar_changes_what_is_drawn_and_not_how_likely_it_was(either: Model) -> None:
    grammar = LLMatcher.grammar_from_regex("[0-9]{3}")
    first = either.generate(PROMPT, 5, temperature=0, grammar=grammar, logprobs=3).logprobs[0]
    expected = _log_softmax(either.next_logits(PROMPT))
    assert first.bytes[:1].isdigit()
    assert first.logprob == pytest.approx(expected[first.token], abs=NEAR)
    assert first.token not in {token for token, _, _ in first.top}


def test_bytes_are_those_of_the_text(either: Model) -> None:
    done = either.generate("日本の首都は", 12, temperature=0, logprobs=0)
    assert b"".join(found.bytes for found in done.logprobs).decode(errors="replace") == done.text
    assert all(found.top == [] for found in done.logprobs)


def test_a_control_token_has_its_name_and_the_one_that_ends_is_left_out(either: Model) -> None:
    question = either.tokenize(
        "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n", parse_special=True
    )
    done = either.generate(question, 60, temperature=0, logprobs=1)
    assert done.finish_reason == "stop"
    assert [found.token for found in done.logprobs] == done.tokens
    letter = LLMatcher.grammar_from_regex("x")
    (instead,) = either.generate(question + done.tokens, 1, temperature=0, grammar=letter, logprobs=1).logprobs
    assert instead.bytes == b"x"
    assert [piece for _, piece, _ in instead.top] == [b"<|im_end|>"]


@pytest.mark.parametrize("coalesce_ms", [0, 20])
def test_a_stream_gives_them_with_their_text(either: Model, coalesce_ms: float) -> None:
    stream = either.stream(PROMPT, 40, temperature=0, logprobs=2, coalesce_ms=coalesce_ms)
    assert stream.take_logprobs() == []
    taken = []
    text = b""
    for piece in stream:
        new = stream.take_logprobs()
        assert b"".join(found.bytes for found in new).decode(errors="replace") == piece
        text += piece.encode()
        taken += new
    taken += stream.take_logprobs()
    assert stream.take_logprobs() == []
    whole = stream.completion.logprobs
    assert [(found.token, found.logprob) for found in taken] == [(found.token, found.logprob) for found in whole]
    assert text.decode() == stream.completion.text


def test_tokens_of_a_stop_sequence_come_at_the_end(either: Model) -> None:
    grammar = LLMatcher.grammar_from_regex("abcdef")
    stream = either.stream(PROMPT, 20, temperature=0, stop=["cde"], grammar=grammar, logprobs=0)
    assert "".join(stream) == "ab"
    assert b"".join(found.bytes for found in stream.take_logprobs())[:5] == b"abcde"


def test_without_asking_there_are_none(either: Model) -> None:
    stream = either.stream(PROMPT, 3)
    assert "".join(stream) == stream.completion.text
    assert stream.take_logprobs() == []
    assert stream.completion.logprobs == []


@pytest.mark.parametrize("value", [-1, 21, 256, 2**31, 1.5, True, "1"])
def test_how_many(either: Model, value: object) -> None:
    for ask in (either.generate, either.stream):
        with pytest.raises(InvalidParameter, match="logprobs"):
            ask("Hello", logprobs=value)
