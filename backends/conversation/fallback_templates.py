"""Chat templates for models that carry none: the vocabulary's family's, or a plain one.

A vocabulary with the control tokens of a family is of that family, so its turns are written with them. Any other model
continues a transcript; a stop sequence ends its answer where it begins to write the user's next turn.
"""

from __future__ import annotations

from dataclasses import dataclass

from backends.conversation.prompt import SpecialTokens


@dataclass(frozen=True, slots=True)
class FallbackTemplate:
    """A template. ``tokens``: control tokens of a vocabulary that it suits, the last of which ends an answer."""

    name: str
    tokens: tuple[str, ...]
    source: str
    stop: tuple[str, ...] = ()


_EACH = "{% for m in messages %}"
_ONLY_TWO_ROLES = (
    "{% if m.role not in ['user', 'assistant'] %}{{ raise_exception('unknown role ' + m.role) }}{% endif %}"
)
_ANSWER = "{% endfor %}{% if add_generation_prompt %}"
_TEMPLATES = (
    FallbackTemplate(
        "chatml",
        ("<|im_start|>", "<|im_end|>"),
        _EACH
        + "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
        + _ANSWER
        + "<|im_start|>assistant\n{% endif %}",
    ),
    FallbackTemplate(
        "llama3",
        ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        _EACH
        + "<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>"
        + _ANSWER
        + "<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}",
    ),
    FallbackTemplate(
        "gemma",
        ("<start_of_turn>", "<end_of_turn>"),
        _EACH
        + _ONLY_TWO_ROLES
        + "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}<end_of_turn>\n"
        + _ANSWER
        + "<start_of_turn>model\n{% endif %}",
    ),
    FallbackTemplate(
        "phi3",
        ("<|user|>", "<|assistant|>", "<|end|>"),
        _EACH + "<|{{ m.role }}|>\n{{ m.content }}<|end|>\n" + _ANSWER + "<|assistant|>\n{% endif %}",
    ),
)
PLAIN = FallbackTemplate(
    "plain",
    (),
    _EACH
    + "{% if m.role != 'system' %}{{ m.role | capitalize }}:\n{% endif %}{{ m.content }}{{ '\n\n' }}"
    + _ANSWER
    + "Assistant:\n{% endif %}",
    ("\nUser:", "\nAssistant:"),
)


def fallback_template(special: SpecialTokens) -> FallbackTemplate:
    """Return the template for a model of this vocabulary."""
    suited = (template for template in _TEMPLATES if all(token in special for token in template.tokens))
    return next(suited, PLAIN)
