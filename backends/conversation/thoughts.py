"""Marks of thoughts, by family of models.

The marks are those of the families' own chat templates. Where they are control tokens, an engine's text lacks them
unless it is told to show them: see ``ChatTemplate.marks``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backends.conversation.prompt import SpecialTokens

Thoughts = Literal["none", "possible", "begun"]
"""Thoughts that an answer may begin with: none, possibly some, or thoughts whose mark ends the prompt."""


@dataclass(frozen=True, slots=True)
class ThoughtMarks:
    """The marks before and after thoughts."""

    begin: str
    end: str


THINK = ThoughtMarks("<think>", "</think>")
FAMILIES = (
    THINK,  # Qwen, DeepSeek, SmolLM3, Granite, GLM and most others
    ThoughtMarks("[THINK]", "[/THINK]"),  # Magistral
    ThoughtMarks("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
    ThoughtMarks("<seed:think>", "</seed:think>"),  # Seed-OSS
    ThoughtMarks("◁think▷", "◁/think▷"),  # Kimi
    ThoughtMarks("<thought>", "</thought>"),
    ThoughtMarks("<thinking>", "</thinking>"),
    ThoughtMarks("<reasoning>", "</reasoning>"),
)
HARMONY_MARKS = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>", "<|constrain|>")
"""gpt-oss: each message has a channel, ``analysis`` for thoughts. <https://cookbook.openai.com/articles/openai-harmony>"""


def is_harmony(template: str) -> bool:
    """Return True for a template that writes messages in channels."""
    return all(mark in template for mark in ("<|start|>", "<|channel|>", "<|message|>"))


def marks_of(template: str, special: SpecialTokens) -> ThoughtMarks | None:
    """Return the marks that a template has, or else those that are tokens of the vocabulary; None where none are."""
    in_template = (marks for marks in FAMILIES if marks.begin in template or marks.end in template)
    in_vocabulary = (marks for marks in FAMILIES if marks.begin in special and marks.end in special)
    return next(in_template, None) or next(in_vocabulary, None)
