"""The conversation of ``tabagent run MODEL``: a line editor with history, /commands, and what Ctrl-C stops of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.shortcuts import CompleteStyle

from native_host.cli.answer import Question, Writer, follow_or_fetch, summary
from native_host.cli.commands import COMMANDS, Dialogue, Leave
from native_host.cli.terminal import Terminal, tell_error
from native_host.cli.words import plain
from native_host.protocol.errors import TabAgentError

FENCE = '"""'
_PROMPT = ">>> "
_MORE = "... "


class Conversation:
    """Reads, asks, answers, until /bye or Ctrl-D."""

    def __init__(
        self, terminal: Terminal, question: Question, pictures: list[dict[str, Any]], *, verbose: bool
    ) -> None:
        """``pictures`` go with the first question."""
        self._terminal = terminal
        self._dialogue = Dialogue(terminal, question, pictures, verbose=verbose)

    def run(self) -> None:
        """Load the model, then talk.

        Raises:
            TabAgentError: the model cannot be loaded.
        """
        self._dialogue.load()
        self._terminal.note(f"{self._dialogue.question.model}. /help lists commands, Ctrl-D ends.")
        lines = _line_editor(self._terminal)
        while True:
            try:
                text = lines.prompt([("class:prompt", _PROMPT)])
            except KeyboardInterrupt:
                self._terminal.note("(Ctrl-D or /bye ends the conversation)")
                continue
            except EOFError:
                return
            if not text.strip():
                continue
            try:
                self._serve(text)
            except Leave:
                return

    def _serve(self, text: str) -> None:
        if text.startswith("/"):
            name, _, rest = text[1:].strip().partition(" ")
            command = COMMANDS.get(name)
            if command is None:
                self._terminal.note(f"There is no /{plain(name)}. /help lists what there is.", style="yellow")
                return
            try:
                asked = command.do(self._dialogue, rest.strip())
            except KeyboardInterrupt:
                self._terminal.note("(stopped)")
                return
            except TabAgentError as error:
                tell_error(self._terminal.err, error.code, error.message, error.details)
                return
            except ValueError as error:
                self._terminal.note(str(error), style="yellow")
                return
            if asked:
                self._answer()
            return
        self._dialogue.add_question(text.removeprefix(FENCE).removesuffix(FENCE) if _is_fenced(text) else text)
        self._answer()

    def _answer(self) -> None:
        dialogue, writer = self._dialogue, Writer(self._terminal)
        try:
            fields = dialogue.question.to_answer(dialogue.messages)
            result = follow_or_fetch(self._terminal, "chat", fields, writer.token)
        except KeyboardInterrupt:
            writer.end()
            self._terminal.note("(stopped)")
            dialogue.add_answer(writer.text)
            return
        except TabAgentError as error:
            writer.end()
            tell_error(self._terminal.err, error.code, error.message, error.details)
            dialogue.drop_question()
            return
        writer.end()
        dialogue.add_answer(result["text"])
        if result["finish_reason"] == "length":
            self._terminal.note("(cut: /set max_tokens N allows more)")
        if dialogue.verbose:
            self._terminal.note(summary(result))
        self._terminal.say()


class _Names(Completer):
    """/commands after a slash."""

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        del complete_event
        text = document.text_before_cursor
        if not text.startswith("/") or " " in text:
            return
        for name, command in COMMANDS.items():
            if name.startswith(text[1:]):
                yield Completion(f"/{name}", start_position=-len(text), display_meta=command.help)


def _line_editor(terminal: Terminal) -> PromptSession[str]:
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        """Send, unless a fence is open or the line ends in a backslash."""
        buffer = event.current_buffer
        if buffer.text.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        elif buffer.text.lstrip().startswith(FENCE) and not _is_fenced(buffer.text):
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    @keys.add("c-j")
    def _(event: KeyPressEvent) -> None:
        """A new line."""
        event.current_buffer.insert_text("\n")

    plain_output = terminal.out.color_system is None
    return PromptSession(
        history=_history(terminal),
        completer=_Names(),
        complete_while_typing=False,
        complete_style=CompleteStyle.READLINE_LIKE,
        multiline=True,
        key_bindings=keys,
        prompt_continuation=FormattedText([("", _MORE)]),
        enable_open_in_editor=True,
        color_depth=ColorDepth.DEPTH_1_BIT if plain_output else None,
    )


def _is_fenced(text: str) -> bool:
    text = text.strip()
    return len(text) >= 2 * len(FENCE) and text.startswith(FENCE) and text.endswith(FENCE)


class _History(FileHistory):
    """History in a file. What a full disk does not take is kept in memory only."""

    def store_string(self, string: str) -> None:
        """Append to the file."""
        with suppress(OSError):
            super().store_string(string)


def _history(terminal: Terminal) -> History:
    """Return the history of questions: in a file that its user alone can read, or in memory if it cannot be written."""
    file = terminal.settings.state_dir / "history"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        terminal.note(f"Questions are not kept: {file}: {error.strerror}.")
        return InMemoryHistory()
    return _History(str(file))
