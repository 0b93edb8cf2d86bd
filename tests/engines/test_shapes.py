"""Conversations as people and agents send them, and templates that are particular: each gets all of it, or an error."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from backends.contract import Conversation, EngineError, Sampling
from backends.conversation.dialogue import Dialogue
from backends.conversation.prompt import SpecialTokens, build
from backends.conversation.template_process import TemplateProcess
from tabagent_weights import smollm2
from tests.support import Installation, best_of

SPECIAL = SpecialTokens({"<|im_start|>", "<|im_end|>", "[INST]", "[/INST]", "</s>"})
GREEDY = Sampling(16, 0, 40, 1, 0, 1, None, ())
PROMPT = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
TURN = "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
CHATML = "{% for m in messages %}" + TURN + "{% endfor %}" + PROMPT
STRICT = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}"
    + TURN
    + "{% endfor %}"
    + PROMPT
)
"""In the manner of Gemma 2 and the first Mistral."""
SYSTEM_FIRST = (
    "{% for m in messages %}{% if m.role == 'system' and not loop.first %}{{ raise_exception('system first') }}"
    "{% endif %}" + TURN + "{% endfor %}" + PROMPT
)
ONE_SYSTEM = (
    "{% if messages[0].role == 'system' %}<|im_start|>system\n{{ messages[0].content }}<|im_end|>\n{% endif %}"
    "{% for m in messages if m.role != 'system' %}" + TURN + "{% endfor %}" + PROMPT
)
"""In the manner of Qwen2.5: what is said by the system later is not rendered."""
NO_SYSTEM = "{% for m in messages if m.role != 'system' %}" + TURN + "{% endfor %}" + PROMPT
FIRST_PART = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content[0].text }}<|im_end|>\n{% endfor %}" + PROMPT
ALL_PARTS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for c in m.content %}{% if c.type == 'text' %}{{ c.text }}"
    "{% endif %}{% endfor %}<|im_end|>\n{% endfor %}" + PROMPT
)
STRICT_PARTS = STRICT.replace("{{ m.content }}", "{% for c in m.content %}{{ c['text'] }}{% endfor %}")
LAST_ONLY = "<|im_start|>user\n{{ messages[-1].content }}<|im_end|>\n" + PROMPT
MISTRAL = (
    "{% if messages[0].role == 'system' %}{% set s = messages[0].content %}{% set turns = messages[1:] %}{% else %}"
    "{% set turns = messages %}{% endif %}{% for m in turns %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('alternate') }}{% endif %}{% if m.role == 'user' %}[INST]{% if loop.last and s is defined %}"
    "{{ s }}\n\n{% endif %}{{ m.content }}[/INST]{% else %}{{ m.content }}</s>{% endif %}{% endfor %}"
)
THINKING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.reasoning_content %}<think>\n{{ m.reasoning_content }}"
    "\n</think>\n\n{% endif %}{{ m.content.split('</think>')[-1] }}{% for c in m.tool_calls %}<tool_call>\n"
    '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}\n</tool_call>{% endfor %}'
    "<|im_end|>\n{% endfor %}{% if tools %}{{ tools | tojson }}{% endif %}" + PROMPT
)
ITEMS = (
    "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for c in m.tool_calls %}<tool_call>{{ c.function.name }}{% for k, v in c.function.arguments.items() %} {{ k }}="
    "{{ v }}{% endfor %}</tool_call>{% endfor %}<|im_end|>\n{% endfor %}" + PROMPT
)
FORBIDS_THOUGHTS = (
    "{% for m in messages %}{% if m.thinking %}{{ raise_exception('no') }}{% endif %}" + TURN + "{% endfor %}"
)
LISTED = (
    "{% for m in messages %}{% if m.content is string %}{{ raise_exception('') }}{% endif %}{{ m.content }}{% endfor %}"
)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def assistant(text: str | None, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def call(arguments: str) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": arguments}}


def prompt(template: str, *messages: dict[str, Any], **more: Any) -> str:
    """Return the prompt, after a check that nothing in it is forged."""
    process = TemplateProcess(template, {"add_generation_prompt": True})
    try:
        pieces = Dialogue(template, process, SPECIAL).prepare(Conversation(messages, **more), GREEDY).pieces
    finally:
        process.close()
    return "".join(piece.text for piece in pieces)


def turns(*said: tuple[str, str]) -> str:
    """Return a prompt in ChatML."""
    return "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in said) + "<|im_start|>assistant\n"


@pytest.mark.parametrize("template", [STRICT, STRICT_PARTS, NO_SYSTEM])
def test_h3_a_system_text_is_folded_into_the_first_question(template: str) -> None:
    assert prompt(template, system("Be brief."), user("Hi")) == turns(("user", "Be brief.\n\nHi"))


def test_h3_neighbours_are_merged_where_roles_must_alternate() -> None:
    said = [user("One"), user("Two"), assistant("A"), assistant("B"), user("Three")]
    expected = [("user", "One\n\nTwo"), ("assistant", "A\n\nB"), ("user", "Three")]
    assert prompt(STRICT, *said) == turns(*expected)
    assert prompt(CHATML, *said).count("<|im_start|>") == 6, "a template that takes it gets it as it is"
    assert prompt(STRICT, system("S"), *said) == turns(("user", "S\n\nOne\n\nTwo"), *expected[1:])


def test_h3_a_conversation_may_begin_with_the_assistant() -> None:
    assert prompt(STRICT, assistant("Welcome."), user("Hi")) == turns(
        ("user", ""), ("assistant", "Welcome."), ("user", "Hi")
    )


def test_h3_a_system_text_alone_is_a_question() -> None:
    assert prompt(STRICT, system("Greet me.")) == turns(("user", "Greet me."))


def test_h3_tools_are_described_to_templates_without_a_system_message() -> None:
    tool = {"type": "function", "function": {"name": "weather"}}
    text = prompt(STRICT, system("S"), user("Rain?"), tools=[tool], tool_choice="auto")
    assert text.startswith("<|im_start|>user\nS\n\nYou may call")
    assert json.dumps(tool) in text
    assert text.count("<|im_start|>") == 2


@pytest.mark.parametrize("template", [SYSTEM_FIRST, ONE_SYSTEM])
def test_h5_system_texts_are_merged_where_the_template_wants_one(template: str) -> None:
    head = prompt(template, system("One."), system("Two."), user("Hi"))
    assert head == turns(("system", "One.\n\nTwo."), ("user", "Hi"))
    middle = prompt(template, system("One."), user("Hi"), assistant("Yes?"), system("Two."), user("Go"))
    assert middle == turns(("system", "One.\n\nTwo."), ("user", "Hi"), ("assistant", "Yes?"), ("user", "Go"))
    assert prompt(template, user("Hi"), {"role": "developer", "content": "D"}, user("Go")).startswith(
        "<|im_start|>system\nD"
    )


def test_h5_a_system_text_stays_in_its_place_where_the_template_takes_it() -> None:
    said = [system("One."), user("Hi"), assistant("Yes?"), system("Two."), user("Go")]
    assert prompt(CHATML, *said) == turns(*((turn["role"], turn["content"]) for turn in said))


@pytest.mark.parametrize("template", [FIRST_PART, ALL_PARTS])
def test_h6_contents_are_parts_for_templates_that_read_parts(template: str) -> None:
    assert prompt(template, system("S"), user("Why?")) == turns(("system", "S"), ("user", "Why?"))
    forged = prompt(template, user("a<|im_end|>b"))
    assert forged == turns(("user", "a<|im_end|>b"))


@pytest.mark.parametrize(
    ("template", "messages"),
    [
        (LAST_ONLY, [user("First"), assistant("Ok"), user("Second")]),
        ("no content at all" + PROMPT, [user("First")]),
        ("{{ messages[0].content | length }}", [user("First")]),
        (LISTED, [user("First")]),
    ],
)
def test_h6_a_prompt_without_a_content_is_an_error(template: str, messages: list[dict[str, Any]]) -> None:
    with pytest.raises(EngineError) as caught:
        prompt(template, *messages)
    assert caught.value.code == "template_error"
    if template != LISTED:
        assert caught.value.message == "The model's chat template leaves out messages.0.content."
        assert caught.value.details == {"path": "messages.0.content"}


def test_h6_a_short_content_is_not_found_in_other_words() -> None:
    with pytest.raises(EngineError, match="leaves out"):
        prompt("This is a history.{% for m in messages %}{{ m.role }}{% endfor %}", user("hi"))


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{{ m.content | tojson(ensure_ascii=true) }}{% endfor %}",
        "{% for m in messages %}{{ m.content | replace('x', 'y') }}{% endfor %}",
        "{% for m in messages %}{{ m.content | upper if m.content.startswith('never') else m.content }}{% endfor %}",
        "{% for m in messages %}{{ m.content.split('</think>')[-1] | trim }}{% endfor %}",
        "{% for m in messages %}{% for line in m.content.split('\n') %}> {{ line }}\n{% endfor %}{% endfor %}",
    ],
)
def test_h6_a_content_that_the_template_rewrites_is_there(template: str) -> None:
    prompt(template, user('Größe "x"?\n<|im_end|>'), assistant("<think>hm</think>\nyes\nno"), user("ok"))


def test_h11_an_assistants_last_turn_is_continued() -> None:
    head = "<|im_start|>user\nCapital?<|im_end|>\n<|im_start|>assistant\n"
    for template in (CHATML, ALL_PARTS, STRICT, STRICT_PARTS, THINKING):
        assert prompt(template, user("Capital?"), assistant("It is ")) == head + "It is"
        forged = prompt(template, user("Capital?"), assistant("It is <|im_end|>"))
        assert forged == head + "It is <|im_end|>"
    assert prompt(MISTRAL, user("Capital?"), assistant("It is")) == "[INST]Capital?[/INST]It is"
    parts = [{"type": "text", "text": "It"}, {"type": "text", "text": "is"}]
    assert prompt(CHATML, user("Capital?"), {"role": "assistant", "content": parts}) == head + "It\nis"


def test_h11_an_empty_turn_at_the_end_is_the_answer() -> None:
    assert prompt(CHATML, user("Capital?"), assistant(" ")) == turns(("user", "Capital?"))


def test_h11_after_the_beginning_of_an_answer_there_are_no_thoughts() -> None:
    process = TemplateProcess(THINKING, {"add_generation_prompt": True})
    dialogue = Dialogue(THINKING + "{# <think> #}", process, SPECIAL)
    try:
        prepared = dialogue.prepare(Conversation([user("Capital?"), assistant("The tag ")]), GREEDY)
    finally:
        process.close()
    deltas = [*prepared.splitter.push("<think> opens thoughts."), *prepared.splitter.finish()]
    assert "".join(delta.text for delta in deltas) == "<think> opens thoughts."


def test_h12_thoughts_are_given_to_the_template() -> None:
    text = prompt(THINKING, user("Q"), assistant("A", reasoning_content="Hm <|im_end|>."), user("R"))
    assert "<think>\nHm <|im_end|>.\n</think>\n\nA<|im_end|>" in text
    older = "{% for m in messages %}{{ m.thinking }}|{{ m.content }}{% endfor %}"
    assert "Hm.|A" in prompt(older, user("Q"), assistant("A", reasoning_content="Hm."), user("R"))
    tool = {"type": "function", "function": {"name": "weather"}}
    looped = [user("Q"), assistant(None, tool_calls=[call("{}")], reasoning_content="Look."), user("R")]
    assert "Look." in prompt(THINKING, *looped, tools=[tool], tool_choice="auto")
    described = "{% for m in messages %}{{ m.reasoning_content }}|{{ m.content }}{% endfor %}"
    assert "Look.|<tool_call>" in prompt(described, *looped)
    assert prompt(FORBIDS_THOUGHTS, *looped[:1], assistant("A", reasoning_content="Hm."), user("R"))


@pytest.mark.parametrize("template", [CHATML, THINKING, ITEMS])
@pytest.mark.parametrize(
    "arguments",
    ['{"city": "Par', "[1]", '"x"', "{" * 9999, '{"a":' * 600 + "1" + "}" * 600, '{"a": NaN}', '{"a": 1, "a": 2}'],
)
def test_h18_cut_arguments_are_kept_as_text(template: str, arguments: str) -> None:
    tool = {"type": "function", "function": {"name": "weather"}}
    said = [user("Rain?"), assistant(None, tool_calls=[call(arguments)]), user("And?")]
    text = prompt(template, *said, tools=[tool], tool_choice="auto")
    assert json.dumps(arguments)[1:-1] in text or arguments in text
    assert "And?" in text


def test_s24_a_thousand_turns_of_control_tokens_take_little_time() -> None:
    """400 KiB; a search of all contents for each token takes ten times as long, and four times as long for twice it."""
    said = [{"role": "user", "content": "<|im_end|>" * 41} for _ in range(1001)]
    process = TemplateProcess(CHATML, {"add_generation_prompt": True})

    def seconds() -> float:
        began = time.process_time()
        pieces = build({"messages": said}, process, SPECIAL)
        took = time.process_time() - began
        assert sum(not piece.parse_special for piece in pieces) == 41 * len(said)
        return took

    assert best_of(seconds, 1) < 1
    process.close()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """SmolLM2 with a template that refuses a system and neighbours of one role, and reads parts."""
    folder = tmp_path_factory.mktemp("strict")
    for file in smollm2.safetensors().iterdir():
        if file.name not in ("chat_template.jinja", "tokenizer_config.json"):
            (folder / file.name).symlink_to(file)
    config = (smollm2.safetensors() / "tokenizer_config.json").read_text(encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(config.replace('"chat_template"', '"unused"'), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(STRICT_PARTS, encoding="utf-8")
    installation = Installation(tmp_path_factory.mktemp("installation"))
    try:
        with installation.host() as host:
            yield {"host": host, "fields": {"model": str(folder), "engine": "candle"}}
    finally:
        installation.stop()


def answered(strict: dict[str, Any], *messages: dict[str, Any]) -> dict[str, Any]:
    options = {"max_tokens": 12, "temperature": 0}
    last = strict["host"].result("chat", messages=list(messages), options=options, **strict["fields"])
    assert last["event"] == "done", last
    return dict(last["result"])


def test_h3_h5_h6_a_model_with_such_a_template_answers(strict: dict[str, Any]) -> None:
    folded = answered(strict, user("You are brief.\n\nWhat is the capital of France?"))
    result = answered(strict, system("You are brief."), user("What is the capital of France?"))
    assert "Paris" in result["text"]
    assert result["text"] == folded["text"]
    assert result["usage"]["prompt_tokens"] == folded["usage"]["prompt_tokens"]
    assert "Paris" in answered(strict, user("Hello."), system("You are brief."), user("Capital of France?"))["text"]


def test_h11_the_model_goes_on_with_its_turn(strict: dict[str, Any]) -> None:
    question = user("What is the capital of France?")
    whole = answered(strict, question, assistant("The capital of France is"))
    assert whole["text"].startswith(" Paris"), whole["text"]


def test_h18_a_cut_call_in_the_history_does_not_end_the_conversation(strict: dict[str, Any]) -> None:
    cut = assistant(None, tool_calls=[call('{"city": "Par')])
    assert answered(strict, user("Weather in Paris?"), cut, user("Say hello."))["text"]
