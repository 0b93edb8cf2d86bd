"""What a conversation's answer must match, as a grammar of llguidance: thoughts, then calls of tools or words.

<https://github.com/guidance-ai/llguidance/blob/main/docs/syntax.md>
"""

from __future__ import annotations

import json
import re

from backends.contract import Constraint, Conversation
from backends.conversation.thoughts import THINK, ThoughtMarks, Thoughts
from backends.conversation.tools import ToolFormat, arguments_schema, call_rules
from backends.grammar import compiled

_ANYTHING = "/(?s:.*)/"


def answer_grammar(
    conversation: Conversation,
    form: ToolFormat | None,
    constraint: Constraint | None,
    thoughts: Thoughts,
    marks: ThoughtMarks = THINK,
) -> Constraint:
    """Return what the answer must match.

    ``form``: how tools are called, None where none are offered; ``constraint``: what words must match; ``marks``: of
    thoughts.
    """
    forced = conversation.tool_choice == "required"
    rules = _rules_of(thoughts, marks)
    parts = []
    grammars = []
    if form is not None:
        rules += call_rules(form, conversation.tools, parallel=conversation.parallel_tool_calls)
        parts.append("calls")
        grammars += [
            {"name": f"tool_{index}", "json_schema": arguments_schema(tool)}
            for index, tool in enumerate(conversation.tools)
        ]
    if constraint is not None and not forced:
        parts.append("@words")
        grammars.append({**json.loads(compiled(constraint))["grammars"][0], "name": "words"})
    elif form is not None and not forced:
        parts.append("words")
        rules += _free_words(form, marks if thoughts == "possible" else None)
    first = {"none": "", "possible": "thoughts? ", "begun": "thoughts "}[thoughts]
    rules += [f"start: {first}body", f"body: {' | '.join(parts)}"]
    top = {"name": "answer", "lark_grammar": "\n".join(rules)}
    return Constraint("llguidance", json.dumps({"grammars": [top, *grammars]}))


def _rules_of(thoughts: Thoughts, marks: ThoughtMarks) -> list[str]:
    if thoughts == "none":
        return []
    begin = "" if thoughts == "begun" else f"{json.dumps(marks.begin)} "
    return [
        "thoughts: thought /\\n*/",
        f"thought[suffix={json.dumps(marks.end)}]: {begin}{_ANYTHING}",
    ]


def _free_words(form: ToolFormat, marks: ThoughtMarks | None) -> list[str]:
    """Anything, but what begins as a call does ends as one; thoughts are not words."""
    no_thought = f" & ~{_pattern(marks.begin, '.*')}" if marks else ""
    if not form.begin:
        return ["words: SAID", f"SAID: {_pattern('', '([^{].*)?')}{no_thought}"]
    mark = _pattern("", f".*{_escaped(form.begin)}.*")
    return [
        "words: SAID | before_call calls_after_mark",
        f"SAID: {_ANYTHING} & ~{mark}{no_thought}",
        f"BEFORE_CALL: {_ANYTHING}{no_thought}",
        f"before_call[suffix={json.dumps(form.begin)}]: BEFORE_CALL",
    ]


def _pattern(literal: str, pattern: str) -> str:
    return f"/{_escaped(literal)}(?s:{pattern})/"


def _escaped(text: str) -> str:
    return re.escape(text).replace("/", "\\/")
