"""Answers: what they say, how they end, and that every way of asking gives the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from tabagent_model import ContextOverflow, InvalidParameter, PyModel

GREEDY = {"temperature": 0.0}


def test_paris(model: PyModel, question: list[int]) -> None:
    answer = model.generate(question, **GREEDY)
    assert "Paris" in answer.text
    assert (answer.finish_reason, answer.stop_sequence) == ("stop", None)
    assert answer.prompt_tokens == len(question)
    assert answer.completion_tokens == len(answer.tokens)
    assert model.detokenize(answer.tokens) == answer.text


def test_stream_and_callback_give_what_generate_gives(model: PyModel, question: list[int]) -> None:
    whole = model.generate(question, **GREEDY)
    stream = model.stream(question, **GREEDY)
    pieces = list(stream)
    assert len(pieces) > 1
    assert "".join(pieces) == whole.text == stream.completion.text
    shown: list[str] = []
    assert model.generate(question, **GREEDY, on_token=shown.append).text == "".join(shown) == whole.text


def test_text_is_tokenised_with_special_tokens_off(model: PyModel) -> None:
    answer = model.generate("<|im_end|>", max_tokens=1)
    assert answer.prompt_tokens == len(model.tokenize("<|im_end|>", add_special=True)) > 1


def test_max_tokens_ends_with_length(model: PyModel) -> None:
    answer = model.generate("Once upon a time", max_tokens=5, **GREEDY)
    assert (answer.finish_reason, answer.completion_tokens) == ("length", 5)


@pytest.mark.parametrize("stop", [" Paris", [" Par", "nothing"], ["s Paris", " capital of France is P"]])
def test_a_stop_sequence_is_never_shown(model: PyModel, question: list[int], stop: str | list[str]) -> None:
    full = model.generate(question, **GREEDY).text
    stream = model.stream(question, **GREEDY, stop=stop)
    shown = "".join(stream)
    stops = [stop] if isinstance(stop, str) else stop
    assert shown == full[: min(full.index(s) for s in stops if s in full)] == stream.completion.text
    assert (stream.completion.finish_reason, stream.completion.stop_sequence) == (
        "stop",
        min((s for s in stops if s in full), key=full.index),
    )


def test_a_beginning_of_a_stop_sequence_is_shown_at_the_end(model: PyModel, rote: list[int]) -> None:
    full = model.generate(rote, max_tokens=8, **GREEDY).text
    assert model.generate(rote, max_tokens=8, **GREEDY, stop=[full[-3:] + "never"]).text == full


def test_h21_a_seed_repeats_exactly(library: str, model_path: Path) -> None:
    with PyModel() as model:
        model.load(library, model_path, threads=1)

        def run(seed: int) -> list[int]:
            prompt = "The quick brown fox jumps over the lazy dog. " * 20 + "My favourite animal is"
            return model.generate(prompt, max_tokens=24, temperature=1.2, seed=seed).tokens

        first = run(7)
        for word in ("Something", "else", "in between"):
            model.generate(word * 50, max_tokens=20)
        assert run(7) == first
        assert run(8) != first


def test_without_a_seed_runs_differ(model: PyModel) -> None:
    texts = {model.generate("My favourite animal is", max_tokens=32, temperature=1.5).text for _ in range(4)}
    assert len(texts) > 1


def test_characters_arrive_whole(model: PyModel) -> None:
    prompt = model.tokenize("Emojis: 🦙🦊🐻🐼🐨🐯 and again: 🦙🦊🐻", add_special=True)
    stream = model.stream(prompt, max_tokens=48, **GREEDY)
    pieces = list(stream)
    assert "".join(pieces[:-1]).count("\ufffd") == 0
    assert any(ord(character) > 0xFFFF for character in "".join(pieces))


def test_coalescing_gathers_without_losing(model: PyModel, rote: list[int]) -> None:
    single = list(model.stream(rote, max_tokens=60, **GREEDY))
    gathered = list(model.stream(rote, max_tokens=60, **GREEDY, coalesce_ms=100))
    assert "".join(gathered) == "".join(single)
    assert len(gathered) < len(single) / 2
    assert gathered[0] == single[0]


def test_timings_add_up(model: PyModel) -> None:
    timings = model.generate("Once upon a time in a land", max_tokens=16, **GREEDY, seed=1).timings
    assert timings["prefill_ms"] > 0
    assert timings["decode_ms"] > 0
    assert timings["time_to_first_token_ms"] >= timings["queue_ms"] + timings["prefill_ms"] * 0.99
    assert timings["decode_tokens_per_second"] == pytest.approx(15 / timings["decode_ms"] * 1000)


def test_a_prompt_that_fills_the_context_is_refused(model: PyModel) -> None:
    limit = model.context_length
    with pytest.raises(ContextOverflow) as raised:
        model.generate([5] * limit)
    assert raised.value.details == {"prompt_tokens": limit, "context_length": limit}
    with pytest.raises(ContextOverflow):
        model.generate("a " * (8 << 20))


def test_an_empty_prompt_is_refused(model: PyModel) -> None:
    for empty in ("", []):
        with pytest.raises(InvalidParameter, match="prompt"):
            model.generate(empty)


def test_what_a_callback_raises_ends_the_generation(model: PyModel) -> None:
    def refuse(piece: str) -> None:
        raise KeyError(piece)

    with pytest.raises(KeyError):
        model.generate("Once upon a time", on_token=refuse)
    assert model.generate("Once upon a time", max_tokens=1).completion_tokens == 1
