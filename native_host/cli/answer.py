"""One answer: what is asked, how it is shown while it comes, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer
from rich.text import Text

from native_host.cli.asking import follow
from native_host.cli.terminal import Terminal
from native_host.cli.words import TEMPLATE_CHANGED, plain
from native_host.protocol.errors import ErrorCode, TabAgentError

Message = dict[str, Any]


@dataclass
class Question:
    """Everything about a request but its words."""

    model: str
    engine: str
    options: dict[str, Any]
    thinking: bool | None = None
    system: str | None = None

    def opening(self, text: str, parts: list[dict[str, Any]]) -> list[Message]:
        """The first messages of a conversation; ``parts`` are pictures."""
        content: Any = [*parts, {"type": "text", "text": text}] if parts else text
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, {"role": "user", "content": content}]

    def to_answer(self, messages: list[Message]) -> dict[str, Any]:
        """The fields of ``chat``."""
        thinking = {} if self.thinking is None else {"thinking": self.thinking}
        return {**self._fields(), "messages": messages, **thinking}

    def to_continue(self, prompt: str) -> dict[str, Any]:
        """The fields of ``generate``."""
        return {**self._fields(), "prompt": prompt}

    def _fields(self) -> dict[str, Any]:
        return {"model": self.model, "engine": self.engine, "options": self.options}


def answer(terminal: Terminal, action: str, fields: dict[str, Any], *, verbose: bool) -> dict[str, Any]:
    """Ask, and print the answer as it comes. Thoughts are shown on a terminal only, and dimmed.

    Raises:
        TabAgentError: there is none.
    """
    writer = Writer(terminal)
    try:
        result = follow_or_fetch(terminal, action, fields, writer.token)
    except BaseException:
        writer.cut()
        raise
    if terminal.as_json:
        return result
    writer.end()
    if result["finish_reason"] == "length":
        room = "the context is full, or --max-tokens is reached"
        terminal.note(f"(cut after {result['usage']['completion_tokens']:,} tokens: {room})")
    if result["chat_template_changed"]:
        terminal.note(TEMPLATE_CHANGED, style="yellow")
    if verbose:
        terminal.note(summary(result))
    return result


class Writer:
    """Writes an answer piece by piece: as it is into a pipe, without control characters onto a terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._is_terminal = terminal.out.is_terminal
        self._thinks = False
        self._last = "\n"
        self.text = ""
        """What has come of the answer."""

    def token(self, event: dict[str, Any]) -> None:
        """Write what a ``token`` event brings."""
        if (reasoning := event.get("reasoning")) and self._is_terminal:
            self._terminal.out.print(Text(plain(reasoning), style="dim"), end="", soft_wrap=True)
            self._thinks, self._last = True, reasoning[-1]
        if text := event["text"]:
            if self._thinks:
                typer.echo("\n" if self._last == "\n" else "\n\n", nl=False)
                self._thinks = False
            typer.echo(plain(text) if self._is_terminal else text, nl=False, color=True)
            self.text += text
            self._last = text[-1]

    def cut(self) -> None:
        """What comes after an answer that broke off begins a line on a terminal; a pipe gets nothing more."""
        if self._is_terminal and self._last != "\n":
            typer.echo()

    def end(self) -> None:
        """Leave the cursor at the beginning of a line."""
        if self._last != "\n" or not self.text:
            typer.echo()


def summary(result: dict[str, Any]) -> str:
    """Counts and speeds of an answer, on two lines."""
    usage, timings = result["usage"], result["timings"]
    cached = f", {usage['cached_tokens']:,} of them cached" if usage["cached_tokens"] else ""
    return (
        f"prompt {usage['prompt_tokens']:,} tokens{cached}, {timings['prefill_tokens_per_second']:.1f} tokens/s; "
        f"answer {usage['completion_tokens']:,} tokens, {timings['decode_tokens_per_second']:.1f} tokens/s\n"
        f"first token after {timings['time_to_first_token_ms'] / 1000:.2f} s"
        + (f", after loading for {timings['load_ms'] / 1000:.2f} s" if timings["load_ms"] >= 1 else "")
        + f"; {result['engine']}"
    )


def follow_or_fetch(
    terminal: Terminal, action: str, fields: dict[str, Any], on_token: Callable[[dict[str, Any]], None] | None = None
) -> dict[str, Any]:
    """The result of a request; where its model is not here but could be on the hub, it is downloaded first.

    Raises:
        TabAgentError: it failed, or the model cannot be fetched.
    """
    try:
        return follow(terminal, action, on_token, **fields)
    except TabAgentError as error:
        if error.code is not ErrorCode.MODEL_NOT_FOUND or not _may_be_a_repository(fields["model"]):
            raise
    allow_pickle = fields["options"].get("allow_pickle", False)
    pulled = follow(terminal, "pull_model", model=fields["model"], allow_pickle=allow_pickle)
    return follow(terminal, action, on_token, **{**fields, "model": pulled["model"]})


def _may_be_a_repository(name: str) -> bool:
    return "/" in name and not name.startswith("/")
