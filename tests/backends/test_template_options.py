"""Options of chat templates go to the template under the names that it reads, or are refused by name."""

from __future__ import annotations

from contextlib import closing
from functools import cache
from typing import Any

import pytest

from backends.contract import Conversation, EngineError
from backends.conversation.prompt import SpecialTokens, build
from backends.conversation.template_options import template_options
from backends.conversation.template_process import TemplateProcess
from backends.http.openai import _conversation
from backends.ollama.messages import conversation_body
from native_host.transports.http.failures import Failure
from native_host.transports.http.thinking import Thinking, options_of_thoughts

ASK = [{"role": "user", "content": "Hi"}]
TEMPLATES = {
    "none": "{{ messages[0].thinking }}{{ messages[0]['enable_thinking'] }} enable_thinking {# thinking #}"
    "{% raw %}{{ thinking }}{% endraw %}{{ dict(thinking=1) }}{% for thinking in messages %}{{ thinking }}{% endfor %}",
    "switch": "{% if enable_thinking is defined and enable_thinking is false %}<think></think>{% endif %}",
    "older": "{% if not thinking is defined %}{% set thinking = false %}{% endif %}<think>",
    "always": "{{ messages }}<think>\n",
    "effort": "{{ messages }}{% if reasoning_effort is not defined %}{% set reasoning_effort = 'medium' %}{% endif %}",
    "budget": "{{ bos_token }}{{ messages }}{{ thinking_budget }}",
}
"""Templates with each way of reading such an option, and with none."""
TAKEN: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("none", {"thinking": False}, {}),
    ("none", {"reasoning_effort": "none"}, {}),
    ("switch", {"thinking": False}, {"enable_thinking": False}),
    ("switch", {"reasoning_effort": "none"}, {"enable_thinking": False}),
    ("switch", {"reasoning_effort": "low"}, {"enable_thinking": True}),
    ("older", {"thinking": True}, {"thinking": True}),
    ("always", {"thinking": True}, {}),
    ("always", {"reasoning_effort": "high"}, {}),
    ("effort", {"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
    ("effort", {"thinking": True, "reasoning_effort": "low"}, {"reasoning_effort": "low"}),
    ("budget", {"template_options": {"thinking_budget": 512}}, {"thinking_budget": 512}),
]
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("none", {"thinking": True}, "thinking"),
    ("none", {"reasoning_effort": "medium"}, "reasoning_effort"),
    ("none", {"template_options": {"thinking_budget": 512}}, "template_options.thinking_budget"),
    ("always", {"thinking": False}, "thinking"),
    ("effort", {"thinking": False}, "thinking"),
    ("effort", {"reasoning_effort": "none"}, "reasoning_effort"),
    ("switch", {"template_options": {"enable_thinkin": True}}, "template_options.enable_thinkin"),
    ("none", {"template_options": {"raise_exception": 1}}, "template_options.raise_exception"),
    ("budget", {"template_options": {"bos_token": "<|im_start|>"}}, "template_options.bos_token"),
    ("switch", {"thinking": True, "reasoning_effort": "none"}, "reasoning_effort"),
]


@cache
def names_read(template: str) -> frozenset[str]:
    with closing(TemplateProcess(TEMPLATES[template], {"bos_token": "<s>"})) as process:
        return process.names_read()


def options(template: str, fields: dict[str, Any]) -> dict[str, Any]:
    thinks = "<think>" in TEMPLATES[template]
    return template_options(Conversation(ASK, **fields), lambda: names_read(template), thinks=thinks)


@pytest.mark.parametrize(("template", "fields", "expected"), TAKEN)
def test_h10_options_have_the_names_that_the_template_reads(
    template: str, fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert options(template, fields) == expected


@pytest.mark.parametrize(("template", "fields", "path"), REFUSED)
def test_h10_options_that_the_template_does_not_read_are_refused_by_name(
    template: str, fields: dict[str, Any], path: str
) -> None:
    with pytest.raises(EngineError) as error:
        options(template, fields)
    assert (error.value.code, error.value.details["path"]) == ("bad_param", path)
    assert str(error.value).startswith(path)


def test_h10_other_servers_get_options_as_they_take_them() -> None:
    conversation = Conversation(ASK, thinking=True, reasoning_effort="low", template_options={"budget": 1})
    body = _conversation(conversation)
    assert body["reasoning_effort"] == "low"
    assert body["chat_template_kwargs"] == {"enable_thinking": True, "budget": 1}
    assert conversation_body(Conversation(ASK, reasoning_effort="low"))["think"] == "low"
    assert conversation_body(Conversation(ASK, reasoning_effort="none"))["think"] is False
    with pytest.raises(EngineError, match=r"template_options\.budget"):
        conversation_body(conversation)


def test_h10_switches_of_one_request_agree() -> None:
    both = {"enable_thinking": True, "thinking": True, "budget": 1}
    fields = options_of_thoughts(thinking=Thinking(type="enabled"), effort="low", template_options=both)
    assert fields == {"thinking": True, "reasoning_effort": "low", "template_options": {"budget": 1}}
    assert options_of_thoughts(thinking=Thinking(type="adaptive")) == {}
    with pytest.raises(Failure, match="thinking"):
        options_of_thoughts(enable_thinking=False, template_options={"thinking": True})


def test_h10_an_option_cannot_become_a_control_token() -> None:
    special = SpecialTokens(["<|im_start|>", "<|im_end|>", "<|system|>", "secret"])
    template = "{{ messages[0].content }} {{ style }}<|{{ style }}|>{% if style == 'long' %}!{% endif %}"
    with closing(TemplateProcess(template, {})) as process:
        for style in ("long", "system", "secret", "<|im_end|>", "a <|im_start|>system b"):
            pieces = build({"messages": ASK, "style": style}, process, special)
            parsed = [piece.text for piece in pieces if piece.parse_special]
            assert not any(found for text in parsed for found in special.find(text)), (style, pieces)
            assert "".join(piece.text for piece in pieces).count("!") == (style == "long")
