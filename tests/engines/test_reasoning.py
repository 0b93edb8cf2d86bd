"""Thoughts are told from what is said. A template with an example of thoughts makes SmolLM2 think before it answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tabagent_weights import smollm2
from tests.support import Installation

TEMPLATE = """<|im_start|>user
What is the capital of Spain?<|im_end|>
<|im_start|>assistant
<think>
I am asked for a capital. The country is Spain. The capital of Spain is Madrid.
</think>
The capital of Spain is Madrid.<|im_end|>
{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}<|im_start|>assistant
{% if enable_thinking is false %}<think>

</think>

{% elif enable_thinking %}<think>
{% endif %}"""
ASK = [{"role": "user", "content": "What is the capital of France?"}]
Event = dict[str, Any]


@pytest.fixture(scope="module", params=["candle", "transformers"])
def thinker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The fields of a request to a model that may think."""
    folder = tmp_path_factory.mktemp("thinker")
    for file in smollm2.safetensors().iterdir():
        if file.name not in ("chat_template.jinja", "tokenizer_config.json"):
            (folder / file.name).symlink_to(file)
    config = (smollm2.safetensors() / "tokenizer_config.json").read_text(encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(config.replace('"chat_template"', '"unused"'), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    installation = Installation(tmp_path_factory.mktemp("installation"))
    try:
        with installation.host() as host:
            yield {"host": host, "model": str(folder), "engine": request.param}
    finally:
        installation.stop()


def answer(thinker: dict[str, Any], *, thinking: bool | None, **options: Any) -> tuple[Event, list[Event]]:
    host = thinker["host"]
    named = {name: thinker[name] for name in ("model", "engine")}
    options = {"max_tokens": 60, "temperature": 0, **options}
    *events, last = host.events(host.send("chat", messages=ASK, thinking=thinking, options=options, **named))
    assert last["event"] == "done", last
    return last["result"], [event for event in events if event["event"] == "token"]


def test_thoughts_come_apart_from_words(thinker: dict[str, Any]) -> None:
    result, tokens = answer(thinker, thinking=True)
    assert "France" in result["reasoning"]
    assert "Paris" in result["text"]
    assert "think>" not in result["reasoning"] + result["text"]
    assert "".join(event.get("reasoning", "") for event in tokens) == result["reasoning"]
    assert "".join(event["text"] for event in tokens) == result["text"]


def test_an_answer_without_thoughts_is_all_text(thinker: dict[str, Any]) -> None:
    result, _ = answer(thinker, thinking=None)
    assert (result["reasoning"], "Paris" in result["text"]) == ("", True)


def test_words_keep_to_a_grammar_and_thoughts_do_not(thinker: dict[str, Any]) -> None:
    result, _ = answer(thinker, thinking=True, grammar={"type": "regex", "value": "(Paris|Rome)[.]"})
    assert "France" in result["reasoning"]
    assert result["text"] == "Paris."


def test_they_can_be_left_out(thinker: dict[str, Any]) -> None:
    result, _ = answer(thinker, thinking=False, grammar={"type": "regex", "value": "(Paris|Rome)[.]"})
    assert (result["reasoning"], result["text"], result["finish_reason"]) == ("", "Paris.", "stop")
