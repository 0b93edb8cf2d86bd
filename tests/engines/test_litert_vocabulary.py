"""Prompts in pieces, for models that the registries do not carry: with a BOS, with other control tokens."""

from __future__ import annotations

import re

import pytest

from backends.contract import EngineError
from backends.conversation.prompt import Piece
from backends.litert.vocabulary import CHUNK, Vocabulary

WORDS = ["<bos>", "<eos>", "[INST]", "<|im_end|>", "§", " word", " other", "a", "<", ">", "|", "[", "]"]
_TOKENS = re.compile("|".join(map(re.escape, sorted(WORDS, key=len, reverse=True))) + "|.", re.DOTALL)


class FakeEngine:
    """Tokenises as the runtime does: control tokens are parsed wherever they stand."""

    def __init__(self, bos: int | None = 0, eos: int | None = 1) -> None:
        self.bos_token_id = bos
        self.eos_token_ids = [[7, 1]] if eos is None else [[eos], [4], [7, 1]]

    def tokenize(self, text: str) -> list[int]:
        assert "\0" not in text
        return [WORDS.index(it) if it in WORDS else 100 + ord(it) for it in _TOKENS.findall(text)]

    def detokenize(self, ids: list[int]) -> str:
        return "".join(WORDS[it] if it < len(WORDS) else "" for it in ids)


def test_nothing_in_plain_text_is_a_control_token() -> None:
    engine = FakeEngine()
    vocabulary = Vocabulary(engine)
    assert vocabulary.size == len(WORDS)
    text = "a<bos>a[INST]<|im_end|><<eos>>a\0"
    pieces = vocabulary.plain(text)
    assert "".join(pieces) == text.replace("\0", "\ufffd")
    assert not {0, 1, 2, 3} & {token for piece in pieces for token in engine.tokenize(piece)}
    assert "".join(vocabulary.plain("a§a")) == "a\ufffda", "an end of one character cannot be split"
    assert vocabulary.plain("") == []


def test_tokenize() -> None:
    vocabulary = Vocabulary(FakeEngine())
    assert vocabulary.encode("<eos>a", special=True, add_special=True) == [0, 1, 7]
    assert 1 not in vocabulary.encode("<eos>a", special=False, add_special=False)


def test_the_runtime_adds_bos_once() -> None:
    vocabulary = Vocabulary(FakeEngine())
    rendered = [Piece("<bos>[INST] word", True), Piece("<eos>", False), Piece("[INST]", True)]
    texts = vocabulary.rendered(rendered)
    assert texts[0] == "[INST] word"
    (part,) = vocabulary.parts(texts)
    assert part.texts == tuple(texts)
    assert part.tokens == 1 + 2 + len("<eos>") + 1
    assert vocabulary.rendered([Piece("<bos>", True)]) == []
    without = Vocabulary(FakeEngine(bos=None))
    assert without.rendered([Piece("<bos>a", True)]) == ["<bos>a"]
    assert [part.tokens for part in without.parts(["<bos>a"])] == [2]


def test_an_empty_prompt_has_a_beginning() -> None:
    assert Vocabulary(FakeEngine()).beginning() == "<bos>"
    assert Vocabulary(FakeEngine(bos=None)).beginning() == "<eos>"
    with pytest.raises(EngineError) as refused:
        Vocabulary(FakeEngine(bos=None, eos=None)).beginning()
    assert refused.value.code == "bad_param"


def test_long_prompts_are_evaluated_in_parts_of_the_same_tokens() -> None:
    engine = FakeEngine(bos=None)
    text = "a" + " word other" * 1000
    parts = list(Vocabulary(engine).parts([text, "a", "a"]))
    assert "".join(piece for part in parts for piece in part.texts) == text + "aa"
    assert sum(part.tokens for part in parts) == len(engine.tokenize(text)) + 2
    assert len(parts) > 5
    assert all(part.tokens <= CHUNK for part in parts)
    (whole,) = Vocabulary(engine).parts(["<" * 1000])
    assert whole.tokens == 1000, "nothing there can be split without other tokens"
