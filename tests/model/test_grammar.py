"""Answers that match a grammar, drawn greedily or not, in both engines."""

from __future__ import annotations

import json
import re
import threading

import pytest
from llguidance import LLMatcher
from llguidance.gbnf_to_lark import gbnf_to_lark
from tabagent_model import Cancelled, CandleModel, InvalidParameter, PyModel

Model = PyModel | CandleModel

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "capital": {"type": "boolean"}},
    "required": ["city", "capital"],
    "additionalProperties": False,
    "x-guidance": {"whitespace_flexible": False},
}
GBNF = """
root ::= "[" item (", " item)? "]"
item ::= "red" | "green" | "blue"
"""
QUESTION = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
DRAWN = pytest.mark.parametrize("temperature", [0.0, 1.5], ids=["greedy", "sampled"])


def _question(model: Model) -> list[int]:
    return model.tokenize(QUESTION, parse_special=True)


def _regex(pattern: str) -> str:
    return str(LLMatcher.grammar_from_regex(pattern))


@DRAWN
def test_a_json_schema(either: Model, temperature: float) -> None:
    grammar = LLMatcher.grammar_from_json_schema(json.dumps(SCHEMA))
    for seed in range(3 if temperature else 1):
        done = either.generate(
            _question(either), 80, temperature, top_k=0, top_p=1, min_p=0, seed=seed, grammar=grammar
        )
        answer = json.loads(done.text)
        assert list(answer) == ["city", "capital"]
        assert isinstance(answer["city"], str)
        assert len(answer["city"]) <= 20
        assert isinstance(answer["capital"], bool)
        assert done.finish_reason == "stop"


@DRAWN
def test_a_regular_expression(either: Model, temperature: float) -> None:
    done = either.generate(
        _question(either), 40, temperature, seed=1, grammar=_regex(r"[0-9]{4}-[01][0-9] (é|日本|😀){2}")
    )
    assert re.fullmatch(r"[0-9]{4}-[01][0-9] (é|日本|😀){2}", done.text)
    assert done.finish_reason == "stop"


@DRAWN
def test_gbnf(either: Model, temperature: float) -> None:
    grammar = LLMatcher.grammar_from_lark(gbnf_to_lark(GBNF))
    for seed in range(4):
        text = either.generate(_question(either), 40, temperature, seed=seed, grammar=grammar).text
        assert re.fullmatch(r"\[(red|green|blue)(, (red|green|blue))?\]", text)


def test_where_it_may_end_the_model_ends_it(either: Model) -> None:
    free = either.generate(_question(either), 60, temperature=0)
    assert free.finish_reason == "stop"
    held = either.generate(_question(either), 60, temperature=0, grammar=_regex(r"(?s:.*)"))
    assert held.tokens == free.tokens
    assert held.finish_reason == "stop"


def test_max_tokens_ends_it_in_the_middle(either: Model) -> None:
    done = either.generate(_question(either), 5, temperature=0, grammar=_regex("[a-z]{100}"))
    assert done.finish_reason == "length"
    assert done.completion_tokens == 5
    assert re.fullmatch("[a-z]{5,99}", done.text)


def test_stop_sequences_and_penalties_go_on_working(either: Model) -> None:
    done = either.generate(_question(either), 50, temperature=0, stop=["cc"], grammar=_regex("abccd"))
    assert (done.text, done.finish_reason) == ("ab", "stop")
    done = either.generate(_question(either), 50, temperature=0, repeat_penalty=10, grammar=_regex("a{12}"))
    assert done.text == "a" * 12


def test_control_tokens_are_named_and_are_no_text(either: Model) -> None:
    """As text ``<|im_end|>`` is spelt in letters; by name, in Lark, it is the token that ends the answer."""
    spelt = either.generate(_question(either), 20, temperature=0, grammar=_regex(r"<\|im_end\|>!"))
    assert spelt.text == "<|im_end|>!"
    named = LLMatcher.grammar_from_lark("start: /[0-9]{3}/ <|im_end|>")
    done = either.generate(_question(either), 20, temperature=0, grammar=named)
    assert re.fullmatch("[0-9]{3}", done.text)
    assert done.finish_reason == "stop"


def test_a_seed_repeats(either: Model) -> None:
    grammar = _regex("[a-z ]{30}")
    first, second = (either.generate(_question(either), 60, 1.2, seed=7, grammar=grammar).text for _ in range(2))
    assert first == second


BAD = {
    "broken JSON": '{"grammars": [',
    "another JSON": "[1]",
    "empty": "",
    "no grammar": "{}",
    "Lark": str(LLMatcher.grammar_from_lark("start: (")),
    "unknown rule": str(LLMatcher.grammar_from_lark("start: missing")),
    "regex": _regex("["),
    "type": str(LLMatcher.grammar_from_json_schema('{"type": "nothing"}')),
    "unsatisfiable": str(LLMatcher.grammar_from_json_schema('{"type": "string", "minLength": 2, "maxLength": 1}')),
    "too much": str(LLMatcher.grammar_from_json_schema('{"type": "integer", "multipleOf": 999999937}')),
    "too deep": str(LLMatcher.grammar_from_lark("start: " + "(" * 50_000 + '"a"' + ")" * 50_000)),
    "too long": " " * 2_000_000,
}


@pytest.mark.parametrize("grammar", BAD.values(), ids=BAD)
def test_bad_grammars_are_told_from_the_start(either: Model, grammar: str) -> None:
    for ask in (either.generate, either.stream):
        with pytest.raises(InvalidParameter, match=r"\Agrammar .+\Z") as raised:
            ask("Hello", grammar=grammar)
        assert raised.value.details["name"] == "grammar"
        assert len(raised.value.details["reason"]) < 600
    assert either.generate("Hello", 1).completion_tokens <= 1


@pytest.mark.parametrize("grammar", [5, b"{}", ["{}"], "\ud800"])
def test_what_is_no_text_is_refused(either: Model, grammar: object) -> None:
    with pytest.raises(InvalidParameter, match="grammar"):
        either.generate("Hello", grammar=grammar)


def test_rules_that_lead_to_rules_are_no_danger(either: Model) -> None:
    rules = "\n".join(f"r{i}: r{i + 1}" for i in range(20_000))
    grammar = LLMatcher.grammar_from_lark(f'start: r0\n{rules}\nr20000: "deep"')
    assert either.generate("Hello", 10, grammar=grammar).text == "deep"


def test_cancelling(either: Model) -> None:
    stream = either.stream(_question(either), 2000, temperature=1.0, grammar=_regex("[a-z ]{5000}"))
    shown = [next(stream) for _ in range(5)]
    stream.cancel()
    with pytest.raises(Cancelled):
        list(stream)
    assert re.fullmatch("[a-z ]+", "".join(shown))
    assert either.generate(_question(either), 10, temperature=0, grammar=_regex("yes|no")).text in {"yes", "no"}


def test_each_of_several_keeps_to_its_own(either: Model) -> None:
    patterns = {"free": None, "digits": "[0-9]{25}", "letters": "[a-z]{25}", "signs": "[+*/-]{25}"}
    answers: dict[str, str] = {}

    def ask(name: str, pattern: str | None) -> None:
        grammar = pattern and _regex(pattern)
        answers[name] = either.generate(_question(either), 40, temperature=1.0, grammar=grammar).text

    threads = [threading.Thread(target=ask, args=case) for case in patterns.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.keys() == patterns.keys()
    for name, pattern in patterns.items():
        assert pattern is None or re.fullmatch(pattern, answers[name]), answers[name]
