"""Chat templates render as in Transformers: each construct through the sandbox's process and through its own renderer.

The templates were written for this test, in the manner of the named families; none is copied.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from native_host.protocol.framing import FrameDecoder, encode_frame
from tests.support import missing

CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": {"city": "Zürich", "days": 2}}}
MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "  Be <brief> & 'kind'.\n"},
    {"role": "user", "content": [{"type": "text", "text": "Wie wird's?"}, {"type": "image"}]},
    {"role": "assistant", "content": "", "tool_calls": [CALL], "reasoning_content": "Look it up."},
    {"role": "tool", "tool_call_id": "call_1", "name": "weather", "content": '{"sky": "Ω"}'},
    {"role": "assistant", "content": "<think>hm</think>Sunny."},
    {"role": "user", "content": "And — tomorrow?"},
]
PARAMETERS = {
    "type": "object",
    "required": ["city"],
    "properties": {"city": {"type": "string", "description": "Où?"}, "days": {"type": ["integer", "null"]}},
}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Zeit & Ort", "parameters": PARAMETERS}}]
EACH = "{% for m in messages %}"
RENDERED: dict[str, str] = {
    "chatml": EACH + "{{ '<|im_start|>' + m.role + '\\n' }}{{ m['content'] }}<|im_end|>\n{% endfor %}",
    "generation": EACH
    + "{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}\n"
    "{% else %}{{ m.role }}\n{% endif %}{% endfor %}",
    "generation-trims": "a\n  {%- generation -%}\n  b {{ 1 }}\n  {%- endgeneration %}\n  c",
    "generation-has-a-scope": "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}",
    "generation-in-a-macro": "{% macro turn(m) %}{% generation %}[{{ m.role }}]{% endgeneration %}{% endmacro %}"
    + EACH
    + "{{ turn(m) }}{% endfor %}",
    "tojson": "{{ tools | tojson }}{{ messages[0] | tojson }}",
    "tojson-ascii": "{{ tools | tojson(ensure_ascii=True) }}{{ messages[3].content | tojson(True) }}",
    "tojson-no-ascii": "{{ tools | tojson(ensure_ascii=False) }}",
    "tojson-indent": "{{ tools | tojson(indent=4) }}{{ tools[0] | tojson(false, 2) }}",
    "tojson-separators": "{{ tools | tojson(separators=(',', ':')) }}{{ tools | tojson(separators=(', ', ' = ')) }}",
    "tojson-sorted": "{{ tools | tojson(sort_keys=True, indent=1) }}",
    "tojson-markup": "{{ messages[0].content | tojson }}{{ '</script>' | tojson }}",
    "break": EACH + "{% if m.role == 'tool' %}{% break %}{% endif %}{{ m.role }} {% endfor %}",
    "continue": EACH + "{% if m.role != 'user' %}{% continue %}{% endif %}{{ loop.index }}{{ m.role }} {% endfor %}",
    "reversed": "{% for m in messages[::-1] %}{{ loop.revindex0 }}{{ m.role }}"
    "{% if loop.last %}.{% endif %}{% endfor %}",
    "loop": EACH
    + "{{ loop.index0 }}{{ loop.first }}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}\n{% endfor %}",
    "loop-filter": "{% for m in messages if m.role in ['user', 'assistant'] %}{{ m.role }}{% else %}-{% endfor %}",
    "loop-changed": EACH + "{{ loop.changed(m.role) }}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "namespace": "{% set ns = namespace(last=-1, seen=false) %}"
    + EACH
    + "{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% set ns.seen = true %}{% endif %}{% endfor %}"
    "{{ ns.last }}{{ ns.seen }}",
    "namespace-of-a-dict": "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a + ns.b }}",
    "dict": "{% set d = dict(a=1, **{'b': 'é'}) %}{{ d | tojson }}{{ dict([('x', 2)]) | tojson }}{{ dict() }}",
    "dict-fromkeys": "{{ dict.fromkeys(['a', 'b'], 0) | tojson }}{{ dict.fromkeys(['a']) | tojson }}",
    "macro": "{% macro kind(p) %}{% if p.type is string %}{{ p.type }}{% else %}{{ p.type | join('|') }}{% endif %}"
    "{% endmacro %}{% for n, p in tools[0].function.parameters.properties.items() %}"
    "{{ n }}: {{ kind(p) }},\n{% endfor %}",
    "macro-arguments": "{% macro f(a, b='x') %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}"
    "{{ caller is defined }}{% endmacro %}"
    "{{ f(1) }}{{ f(1, 2, 3, c=4) }}",
    "call-block": "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}{{ messages | length }}{% endcall %}",
    "filter-block": "{% filter upper %}{{ messages[0].content }}{% endfilter %}",
    "set-block": "{% set body %}\n{{ messages[0].content | trim }}\n{% endset %}[{{ body }}]",
    "with": "{% with a = 1, b = messages[0].role %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}",
    "raw": "{% raw %}{{ not this }}{% endraw %}",
    "comments": "a {# of no\nconcern #} b\n    {#- c -#}    d",
    "white-space": "x\n  {% if true %}\n  y\n  {%- endif %}\n\n {{- 'z' -}} \n{%+ if true %} w{% endif %}\n",
    "last-line-break": "{{ 'a' }}\n",
    "today": "{{ strftime_now('%Y') }}{{ strftime_now(format='[%Z%z]') }}",
    "today-defined": "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% else %}26 Jul 2024{% endif %}",
    "tools-none": "{% if tools is not none %}{{ tools | length }}{% else %}none{% endif %}{{ tools is defined }}",
    "documents": "{{ documents is defined }}{{ documents is none }}{{ documents }}",
    "undefined": "[{{ nothing }}]{{ nothing is defined }}{{ messages[0].nothing }}{{ nothing | default('d') }}",
    "default-of-false": "{{ '' | default('a', true) }}{{ none | default('b') }}{{ enable_thinking | default(true) }}",
    "tests": "{% for v in ['s', 1, 1.5, true, none, [1], {'a': 1}] %}{{ v is string }}{{ v is mapping }}"
    "{{ v is iterable }}"
    "{{ v is sequence }}{{ v is number }}{{ v is integer }}{{ v is float }}{{ v is boolean }}"
    "{{ v is none }} {% endfor %}",
    "tests-with-arguments": "{{ 4 is divisibleby 2 }}{{ 3 is odd }}{{ 'a' is in 'abc' }}{{ 2 is eq 2 }}"
    "{{ 'A' is upper }}",
    "selectattr": "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}"
    "{{ (messages | rejectattr('role', 'in', ['user', 'tool']) | first).role }}"
    "{{ messages | map(attribute='role') | list }}",
    "select": "{{ [1, 2, 3, 4] | select('odd') | list }}{{ ['', 'a'] | select | join(',') }}{{ [3, 1] | sort }}",
    "groupby": "{% for role, ms in messages | groupby('role') %}{{ role }}{{ ms | length }} {% endfor %}",
    "dictsort": "{% for k, v in tools[0].function.parameters | dictsort %}{{ k }} {% endfor %}"
    "{{ {'b': 1, 'a': 2} | items | list }}",
    "strings": "{{ ' a ' | trim }}{{ 'aXb'.split('X') }}{{ 'ab'.startswith('a') }}{{ 'a\n'.rstrip('\n') }}"
    "{{ 'x'.upper() }}"
    "{{ 'a-b' | replace('-', '_') }}{{ 'ab' | capitalize }}{{ 'a b' | title }}{{ 'x' * 3 }}"
    "{{ '%s:%d' | format('n', 3) }}",
    "thoughts": EACH + "{% if '</think>' in m.content %}{{ m.content.split('</think>')[-1].lstrip('\n') }}|"
    "{{ m.content.split('</think>')[0].split('<think>')[-1] }}{% endif %}{% endfor %}",
    "slices": "{{ messages[1:][0].role }}{{ messages[-1].content[:3] }}{{ 'abc'[::-1] }}{{ messages[2:4] | length }}",
    "concatenation": "{{ 'a' ~ 1 ~ none }}{{ 'a' + 'b' }}{{ [1] + [2] }}{{ 7 // 2 }}{{ 7 % 4 }}{{ 2 ** 3 }}{{ 7 / 2 }}",
    "comparisons": "{{ 1 < 2 <= 2 }}{{ 'a' not in 'b' }}{{ not false and (true or false) }}{{ 1 if false }}"
    "{{ 1 if x else 2 }}",
    "numbers": "{{ '12' | int + 1 }}{{ '1.50' | float }}{{ 2.675 | round(2) }}{{ [1, 2] | sum }}"
    "{{ -3 | abs }}{{ range(3) | list }}",
    "escapes": "{{ '<&>' }}{{ '<' | e }}{{ '<' | safe }}{{ 'a\\tb' }}{{ \"it's\" }}{{ 'é' | urlencode }}",
    "indent": "{{ 'a\nb\n\nc' | indent(4) }}{{ 'a\nb' | indent(2, first=true) }}{{ 'a b c' | wordcount }}",
    "batches": "{{ [1, 2, 3] | batch(2) | list }}{{ [3, 1, 2] | min }}{{ [1, 1] | unique | list }}{{ [1, 2] | last }}",
    "objects": "{{ {'a': [1, none, true], 'b': 'é'} }}{{ messages[2].tool_calls[0].function.arguments }}",
    "cycler": "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.current }}"
    "{% set j = joiner('; ') %}{{ j() }}{{ j() }}",
    "variables": "{{ bos_token }}{{ add_generation_prompt }}{{ reasoning_effort | default('medium') }}{{ unk_token }}",
    "parts": EACH
    + "{% if m.content is string %}{{ m.content }}{% else %}{% for c in m.content %}{% if c.type == 'image' %}<image>"
    "{% elif 'text' in c %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}\n{% endfor %}",
    "recursion": "{% for p in [{'n': 1, 'k': [{'n': 2, 'k': []}]}] recursive %}{{ p.n }}({{ loop(p.k) }}){% endfor %}",
    "get": "{{ messages[0].get('role') }}{{ messages[0].get('name', '-') }}{{ messages[0]['name'] is undefined }}",
}
REFUSED: dict[str, str] = {
    "raise": "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}",
    "none-has-no-turns": "{% for tool in documents %}{% endfor %}",
    "private-names": "{% set ns = namespace(_x=1) %}",
    "attributes-of-types": "{{ dict.__class__ }}{{ dict.__class__.__mro__ }}",
    "methods-that-change": "{{ messages.append({}) }}",
    "unknown-tag": "{% translate %}{% endtranslate %}",
    "unknown-filter": "{{ 'a' | nothing }}",
    "text-and-none": "{{ 'a' + none }}",
    "undefined-in-undefined": "{{ nothing.at.all }}",
    "namespace-of-private": "{% set ns = namespace(a=1) %}{% set ns._b = 1 %}",
    "too-many-loops": "{% for a in [1] %}" * 25 + "{% endfor %}" * 25,
    "too-many-conditions": "{% if tools %}" * 120 + "{% endif %}" * 120,
    "break-without-a-loop": "{% break %}",
    "break-in-a-generation": EACH + "{% generation %}{% break %}{% endgeneration %}{% endfor %}",
    "a-keyword-twice": "{{ dict(a=1, a=2) }}",
    "an-argument-twice": "{% macro f(a, a) %}{% endmacro %}",
    "cycler-of-nothing": "{{ cycler().next() }}",
    "no-loader": "{% include 'other' %}",
}
VARIABLES = {"bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": True}
Render = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Render]:
    """Render in the sandbox's process, one template after the other."""
    watched, lifeline = os.pipe()
    command = [sys.executable, "-I", "-m", "backends.conversation.template_sandbox", str(watched)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, pass_fds=(watched,)
    ) as process:
        os.close(watched)
        assert process.stdin is not None
        assert process.stdout is not None
        decoder = FrameDecoder()

        def render(template: str) -> dict[str, Any]:
            conversation = {"messages": MESSAGES, "tools": TOOLS}
            request = {"template": template, "conversations": [conversation], "variables": VARIABLES}
            process.stdin.write(encode_frame(json.dumps(request).encode()))
            while not isinstance(answer := decoder.next_event(), bytes):
                decoder.receive_data(process.stdout.read(65536))
            return dict(json.loads(answer))

        yield render
        process.stdin.close()
        os.close(lifeline)


@pytest.fixture(scope="module")
def reference() -> Callable[[str], str]:
    """Transformers' renderer."""
    if importlib.util.find_spec("transformers") is None:
        missing("transformers")
    render_jinja_template = importlib.import_module("transformers.utils.chat_template_utils").render_jinja_template

    def render(template: str) -> str:
        rendered, _ = render_jinja_template([MESSAGES], tools=TOOLS, chat_template=template, **VARIABLES)
        return str(rendered[0])

    return render


@pytest.mark.parametrize("construct", RENDERED)
def test_h8_a_template_renders_as_in_transformers(
    sandbox: Render, reference: Callable[[str], str], construct: str
) -> None:
    expected = reference(RENDERED[construct])
    assert sandbox(RENDERED[construct]) == {"texts": [expected]}


@pytest.mark.parametrize("construct", REFUSED)
def test_h8_a_template_is_refused_as_in_transformers(
    sandbox: Render, reference: Callable[[str], str], construct: str
) -> None:
    with pytest.raises(Exception) as caught:
        reference(REFUSED[construct])
    answer = sandbox(REFUSED[construct])
    assert answer.get("limit") is False, answer
    assert answer["error"].startswith(f"{type(caught.value).__name__}: ")
    if construct == "raise":
        assert answer["error"] == f"TemplateError: {caught.value}"


def test_h8_the_table_is_long() -> None:
    assert len(RENDERED) >= 40
