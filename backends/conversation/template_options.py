"""Options of a chat template: the switch for thoughts, the effort, and what else a client gives it by name.

A template ignores a variable that it does not read. So the template is asked for the names first: an option goes to it
under a name that it reads, and is refused if there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from backends.contract import Conversation, EngineError

THINKING_SWITCHES = ("enable_thinking", "thinking", "reasoning")
"""Names of the switch: of Qwen, GLM, SmolLM; of DeepSeek, Granite, Kimi; of Command."""
EFFORT = "reasoning_effort"
NO_EFFORT = "none"


def template_options(
    conversation: Conversation, names_read: Callable[[], frozenset[str]], *, thinks: bool
) -> dict[str, Any]:
    """Return the variables that carry a conversation's options.

    Args:
        conversation: The conversation.
        names_read: Returns the variables that the template reads; called only if there are options.
        thinks: The template or the vocabulary has marks for thoughts.

    Raises:
        EngineError: ``bad_param`` for an option that the template does not read.
    """
    effort, thinking = conversation.reasoning_effort, conversation.thinking
    if effort is None and thinking is None and not conversation.template_options:
        return {}
    if effort is not None and thinking is not None and (effort != NO_EFFORT) != thinking:
        message = f"reasoning_effort: {effort} contradicts thinking: {str(thinking).lower()}. Send one of them."
        raise EngineError("bad_param", message, path="reasoning_effort")
    names = names_read()
    options = dict(_given(conversation, names))
    if effort is not None and effort != NO_EFFORT and EFFORT in names:
        options[EFFORT] = effort
    elif effort is not None and thinking is None:
        return options | _switched(names, "reasoning_effort", thinks=thinks, on=effort != NO_EFFORT)
    if thinking is not None:
        options |= _switched(names, "thinking", thinks=thinks or EFFORT in options, on=thinking)
    return options


def refuse_options(conversation: Conversation) -> None:
    """Refuse options of the chat template, for a server that does not take any.

    Raises:
        EngineError: ``bad_param``.
    """
    dict(_given(conversation, frozenset()))


def _given(conversation: Conversation, names: frozenset[str]) -> Iterator[tuple[str, Any]]:
    for name, value in conversation.template_options.items():
        if name not in names:
            path = f"template_options.{name}"
            raise EngineError("bad_param", f"{path}: the model's chat template does not read it.", path=path)
        yield name, value


def _switched(names: frozenset[str], path: str, *, thinks: bool, on: bool) -> dict[str, Any]:
    """Return the switch; nothing for a model that does so anyway."""
    switches = [name for name in THINKING_SWITCHES if name in names]
    if switches:
        return dict.fromkeys(switches, on)
    always = thinks or EFFORT in names
    if on == always:
        return {}
    reason = "the model does not think first" if on else "the model's chat template has no switch for thoughts"
    raise EngineError("bad_param", f"{path}: {reason}. Leave it out.", path=path)
