"""A prompt that begins like an earlier one is not computed twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tabagent_model import PyModel

Prompts = Callable[[str, int], list[int]]


@pytest.fixture
def fresh(library: str, model_path: Path) -> Iterator[PyModel]:
    """A model that remembers nothing."""
    with PyModel() as model:
        model.load(library, model_path, context_length=4096)
        yield model


def test_the_same_prompt_again(fresh: PyModel, long_prompt: Prompts) -> None:
    prompt = long_prompt("page", 300)
    first = fresh.generate(prompt, max_tokens=12, temperature=0)
    again = fresh.generate(prompt, max_tokens=12, temperature=0)
    assert (first.cached_tokens, again.cached_tokens) == (0, 299)


def test_a_conversation_goes_on(fresh: PyModel) -> None:
    first = fresh.tokenize("Question: What is the capital of France? Answer:")
    answer = fresh.generate(first, max_tokens=10, temperature=0)
    second = [*first, *answer.tokens, *fresh.tokenize(" Question: And of Italy? Answer:")]
    assert fresh.generate(second, max_tokens=10).cached_tokens >= len(first) + len(answer.tokens) - 1


def test_another_question_on_the_same_page(fresh: PyModel, rote: list[int], long_prompt: Prompts) -> None:
    page = long_prompt("page", 200)
    questions = [fresh.tokenize(f" {word}") + rote for word in ("cat", "hen", "pig")]
    answers = [fresh.generate(page + question, max_tokens=3, temperature=0) for question in questions]
    assert [answer.cached_tokens >= 200 for answer in answers] == [False, True, True]
    assert [answer.text for answer in answers] == [" one two three"] * 3


def test_a_running_sequence_shares_its_prefix(fresh: PyModel, long_prompt: Prompts) -> None:
    page = long_prompt("page", 200)
    running = fresh.stream(page, max_tokens=60, temperature=0)
    shown = next(running)
    beside = fresh.generate(page + fresh.tokenize(" In short:"), max_tokens=4)
    assert beside.cached_tokens >= 200
    assert shown + "".join(running) == running.completion.text


def test_a_short_common_beginning_spares_a_long_cache(fresh: PyModel, long_prompt: Prompts) -> None:
    page = long_prompt("page", 250)
    fresh.generate(page, max_tokens=1)
    fresh.generate(page[:40] + fresh.tokenize(" something else entirely"), max_tokens=1)
    assert fresh.generate(page, max_tokens=1).cached_tokens == 249


def test_a_seeded_draw_reuses_nothing(fresh: PyModel, long_prompt: Prompts) -> None:
    page = long_prompt("page", 100)
    fresh.generate(page, max_tokens=1)
    assert fresh.generate(page, max_tokens=1, seed=1).cached_tokens == 0
    assert fresh.generate(page, max_tokens=1, seed=1, temperature=0).cached_tokens == 99


def test_conversations_take_turns(library: str, model_path: Path, rote: list[int], long_prompt: Prompts) -> None:
    """More than fit into the context together: what is idle waits outside, and the longest unused is forgotten."""
    with PyModel() as small:
        small.load(library, model_path, context_length=768, n_parallel=4)
        pages = [long_prompt(word, 150) + rote for word in ("alpha", "beta", "gamma", "delta", "epsilon")]
        first = [small.generate(page, max_tokens=3, temperature=0) for page in pages]
        again = [small.generate(page, max_tokens=3, temperature=0) for page in reversed(pages)]
        assert [answer.cached_tokens >= 150 for answer in again] == [True, True, True, True, False]
        assert [answer.text for answer in again] == [answer.text for answer in reversed(first)]
