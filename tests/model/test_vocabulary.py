"""Text to tokens and back."""

from __future__ import annotations

import pytest
from tabagent_model import InvalidParameter, PyModel


@pytest.mark.parametrize("text", ["", "Hello", " leading", "naïve 日本語 🦙", "a\n\n\tb", "<|im_start|>u", "x" * 999])
def test_round_trip(model: PyModel, text: str) -> None:
    assert model.detokenize(model.tokenize(text)) == text


def test_control_tokens_are_read_only_when_asked(model: PyModel) -> None:
    marker = model.special_tokens()["<|im_start|>"]
    assert model.tokenize("<|im_start|>", parse_special=True) == [marker]
    assert marker not in model.tokenize("<|im_start|>")
    assert model.detokenize([marker]) == ""
    assert model.detokenize([marker], special=True) == "<|im_start|>"


def test_every_special_token_is_what_parsing_reads(model: PyModel) -> None:
    special = model.special_tokens()
    assert {"<|im_start|>", "<|im_end|>", "<|endoftext|>"} <= special.keys()
    for text, token in special.items():
        assert model.tokenize(text, parse_special=True) == [token]


def test_properties(model: PyModel) -> None:
    assert model.is_loaded
    assert model.architecture == "llama"
    assert (model.vocab_size, model.embedding_dim, model.context_train_size) == (49152, 576, 8192)
    assert model.token_text(model.token_bos) == "<|im_start|>"
    assert model.token_text(model.token_eos) == "<|im_end|>"
    assert model.token_text(model.token_nl) == "Ċ"
    assert model.chat_template is not None
    assert "im_start" in model.chat_template
    assert model.metadata()["general.architecture"] == "llama"
    assert model.metadata()["tokenizer.chat_template"] == model.chat_template
    assert 90_000_000 < model.size_bytes < 100_000_000
    assert model.n_parallel == 4


@pytest.mark.parametrize("tokens", [[-1], [49152], [2**31], [True], ["1"], [1.0], None, 5])
def test_bad_tokens(model: PyModel, tokens: object) -> None:
    with pytest.raises(InvalidParameter):
        model.detokenize(tokens)
    with pytest.raises(InvalidParameter):
        model.generate(tokens)
    if isinstance(tokens, list):
        with pytest.raises(InvalidParameter):
            model.token_text(tokens[0])
