"""How dialects ask for thoughts, and the protocol's ``thinking``, ``reasoning_effort`` and ``template_options``."""

from __future__ import annotations

from typing import Any, Literal

from native_host.protocol.messages.base import Message
from native_host.transports.http.sampling import bad_param

SWITCHES = ("enable_thinking", "thinking")
"""Names that chat templates give the switch; the engine uses the one that the model's template reads."""


class Thinking(Message):
    """Anthropic's switch. Thoughts have no budget apart from ``max_tokens``."""

    type: Literal["enabled", "disabled", "adaptive"]


def options_of_thoughts(
    *,
    enable_thinking: bool | None = None,
    thinking: bool | Thinking | None = None,
    effort: str | None = None,
    template_options: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the protocol's fields. ``adaptive`` leaves the choice to the template, as a request without it does.

    Raises:
        Failure: two switches of one request differ.
    """
    options = dict(template_options or {})
    if isinstance(thinking, Thinking):
        thinking = {"enabled": True, "disabled": False, "adaptive": None}[thinking.type]
    found = {value for value in (enable_thinking, thinking) if value is not None}
    found |= {options.pop(name) for name in SWITCHES if isinstance(options.get(name), bool)}
    if len(found) > 1:
        raise bad_param("thinking", "the request asks for thoughts and for none; send one of the switches")
    fields = {
        "thinking": next(iter(found), None),
        "reasoning_effort": effort,
        "template_options": options or None,
    }
    return {name: value for name, value in fields.items() if value is not None}
