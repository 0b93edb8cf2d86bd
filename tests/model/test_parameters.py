"""Whatever a number is, a wrong one is refused by name and nothing else happens."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from tabagent_model import ContextOverflow, InvalidParameter, PyModel

WRONG = [
    -1,
    -(2**31),
    2**31,
    2**63,
    2**64,
    10**400,
    1e308,
    -1e308,
    math.nan,
    float("inf"),
    "1",
    True,
    None,
    [],
    b"1",
]
NUMBERS = {
    "max_tokens": int,
    "top_k": int,
    "temperature": float,
    "top_p": float,
    "min_p": float,
    "repeat_penalty": float,
}


@pytest.mark.parametrize("value", WRONG, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("name", NUMBERS)
def test_sampling_numbers(model: PyModel, name: str, value: object) -> None:
    for ask in (model.generate, model.stream, model.agenerate):
        with pytest.raises(InvalidParameter, match=name) as raised:
            ask("Hello", **{name: value})
        assert isinstance(raised.value, ValueError)
        assert raised.value.details["name"] == name


@pytest.mark.parametrize("value", [-1, 2**64, 1.5, math.nan, "1", True, []])
def test_seed(model: PyModel, value: object) -> None:
    with pytest.raises(InvalidParameter, match="seed"):
        model.generate("Hello", seed=value)


@pytest.mark.parametrize("seed", [0, 2**31, 2**63, 2**64 - 1])
def test_any_64_bit_seed_serves(model: PyModel, seed: int) -> None:
    assert model.generate("Hello", max_tokens=1, seed=seed).completion_tokens <= 1


@pytest.mark.parametrize("value", [5, [5], [""], "", ["x" * 1025], ["x"] * 65, [None], b"x"])
def test_stop(model: PyModel, value: object) -> None:
    with pytest.raises(InvalidParameter, match="stop"):
        model.generate("Hello", stop=value)


@pytest.mark.parametrize("value", [-1, math.nan, 60_001, "1", True, None])
def test_coalesce_ms(model: PyModel, value: object) -> None:
    with pytest.raises(InvalidParameter, match="coalesce_ms"):
        model.stream("Hello", coalesce_ms=value)


@pytest.mark.parametrize("prompt", [None, 5, b"bytes", object(), "\ud800"])
def test_prompts_that_are_none(model: PyModel, prompt: object) -> None:
    with pytest.raises(InvalidParameter, match="prompt"):
        model.generate(prompt)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("context_length", [0, -1, 8193, 2**31, 2**63, math.nan, "1", True]),
        ("n_parallel", [0, -1, 65, 2**63, None, True, 1.5]),
        ("threads", [0, -1, 513, 2**63, True, "2"]),
        ("gpu_layers", [-1, 100_001, 2**63, None, True]),
    ],
)
def test_load_numbers(library: str, model_path: Path, name: str, values: list[object]) -> None:
    for value in values:
        with pytest.raises(InvalidParameter, match=name):
            PyModel().load(library, model_path, **{name: value})


def test_prompt_lengths_around_the_context(
    library: str, model_path: Path, long_prompt: Callable[[str, int], list[int]]
) -> None:
    with PyModel() as small:
        small.load(library, model_path, context_length=256, n_parallel=1)
        tokens = long_prompt("edge", 257)
        for length in (1, 254, 255):
            answer = small.generate(tokens[:length], max_tokens=2**31 - 1, temperature=0)
            assert answer.prompt_tokens + answer.completion_tokens <= 256
        for length in (256, 257):
            with pytest.raises(ContextOverflow):
                small.generate(tokens[:length])


@pytest.mark.parametrize(
    "extreme",
    [
        {"temperature": 100.0},
        {"temperature": 1e-30},
        {"top_k": 0, "top_p": 1, "min_p": 0},
        {"top_k": 2**31 - 1, "top_p": 0.5, "min_p": 0},
        {"top_k": 1},
        {"top_p": 0},
        {"min_p": 1},
        {"repeat_penalty": 10},
        {"repeat_penalty": 0.01, "temperature": 0},
    ],
)
def test_the_ends_of_the_ranges_generate(model: PyModel, extreme: dict[str, float]) -> None:
    assert model.generate("Hello, my name is", max_tokens=4, **extreme).completion_tokens <= 4
