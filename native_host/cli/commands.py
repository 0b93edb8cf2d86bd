"""The /commands of a conversation, and the conversation they act on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from native_host.cli.answer import Message, Question, follow_or_fetch
from native_host.cli.attachments import PICTURES, picture
from native_host.cli.options import reference, user_path
from native_host.cli.terminal import Terminal
from native_host.cli.text_files import decode
from native_host.protocol.messages.requests import GenerateOptions


class Leave(Exception):
    """The conversation is over."""


class Dialogue:
    """What was said, to whom, and how it is asked."""

    def __init__(
        self, terminal: Terminal, question: Question, pictures: list[dict[str, Any]], *, verbose: bool
    ) -> None:
        self.terminal = terminal
        self.question = question
        self.verbose = verbose
        self.turns: list[Message] = []
        self._attached: list[str] = []
        self._pictures = pictures

    @property
    def messages(self) -> list[Message]:
        """The conversation as ``chat`` takes it."""
        system = self.question.system
        return [*([{"role": "system", "content": system}] if system else []), *self.turns]

    def load(self) -> None:
        """Load the model, so that what is wrong with it shows before anything is asked.

        Raises:
            TabAgentError: it cannot be loaded.
        """
        names = ("context_length", "gpu_layers", "mlock", "device", "dtype", "keep_alive", "allow_pickle")
        options = {name: value for name, value in self.question.options.items() if name in names}
        fields = {"model": self.question.model, "engine": self.question.engine, "options": options}
        self.question.model = follow_or_fetch(self.terminal, "load_model", fields)["model"]

    def attach(self, path: Path) -> str:
        """Put a file into the next question: a picture, or text. Returns what it was taken for.

        Raises:
            ValueError: it cannot be read, or holds neither a picture nor text.
        """
        try:
            if path.suffix.lower() in PICTURES:
                self._pictures.append(picture(path))
                return "a picture"
            self._attached.append(decode(path.read_bytes(), str(path)))
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from error
        return f"{len(self._attached[-1]):,} characters"

    def add_question(self, text: str) -> None:
        """The user's turn, with what was attached after it."""
        whole = "\n\n".join([text, *self._attached])
        content: Any = [*self._pictures, {"type": "text", "text": whole}] if self._pictures else whole
        self._attached, self._pictures = [], []
        self.turns.append({"role": "user", "content": content})

    def add_answer(self, text: str) -> None:
        """The model's turn; a question that was stopped before its answer began is forgotten."""
        if text:
            self.turns.append({"role": "assistant", "content": text})
        else:
            self.drop_question()

    def drop_question(self) -> None:
        """Forget the last question."""
        if self.turns and self.turns[-1]["role"] == "user":
            self.turns.pop()


@dataclass(frozen=True, slots=True)
class Command:
    """A /command. ``do`` returns whether the model is to answer now; a ``ValueError`` of it is shown."""

    usage: str
    help: str
    do: Callable[[Dialogue, str], bool]


def _help(dialogue: Dialogue, _rest: str) -> bool:
    dialogue.terminal.table(("COMMAND", ""), ((f"/{it.usage}", it.help) for it in COMMANDS.values()))
    dialogue.terminal.say(
        '\nEnter sends. Alt-Enter or Ctrl-J begins a new line, as does a \\ at its end; """ opens and'
    )
    dialogue.terminal.say(
        "closes a text of several lines. Ctrl-C stops an answer or a load, Ctrl-D ends the conversation."
    )
    return False


def _leave(_dialogue: Dialogue, _rest: str) -> bool:
    raise Leave


def _clear(dialogue: Dialogue, _rest: str) -> bool:
    dialogue.turns.clear()
    dialogue.terminal.note("(forgotten)")
    return False


def _system(dialogue: Dialogue, rest: str) -> bool:
    if rest:
        dialogue.question.system = None if rest == "-" else rest
    dialogue.terminal.note(f"system: {dialogue.question.system or '(none)'}")
    return False


def _set(dialogue: Dialogue, rest: str) -> bool:
    """The value is JSON where it is some, else text. The protocol's own model checks it."""
    name, _, text = rest.partition(" ")
    options = {**dialogue.question.options}
    if name:
        if name not in GenerateOptions.model_fields:
            raise ValueError(f"There is no option {name}. There are: {', '.join(GenerateOptions.model_fields)}.")
        try:
            value = json.loads(text) if text else None
        except ValueError:
            value = text
        options.pop(name, None)
        if value is not None:
            options[name] = value
        try:
            GenerateOptions.model_validate(options)
        except ValidationError as error:
            raise ValueError(f"{name}: {error.errors()[0]['msg']}") from None
        dialogue.question.options = options
    dialogue.terminal.note(", ".join(f"{key} {json.dumps(value)}" for key, value in options.items()) or "(defaults)")
    return False


def _model(dialogue: Dialogue, rest: str) -> bool:
    if rest:
        before = dialogue.question.model
        dialogue.question.model = reference(rest)
        try:
            dialogue.load()
        except BaseException:
            dialogue.question.model = before
            raise
    dialogue.terminal.note(dialogue.question.model)
    return False


def _file(dialogue: Dialogue, rest: str) -> bool:
    if not rest:
        raise ValueError("Name a file: /file PATH")
    taken = dialogue.attach(user_path(rest))
    dialogue.terminal.note(f"({rest} goes with your next question: {taken})")
    return False


def _retry(dialogue: Dialogue, _rest: str) -> bool:
    if dialogue.turns and dialogue.turns[-1]["role"] == "assistant":
        dialogue.turns.pop()
    if not dialogue.turns:
        raise ValueError("Nothing was asked yet.")
    return True


def _save(dialogue: Dialogue, rest: str) -> bool:
    if not rest:
        raise ValueError("Name a file: /save PATH")
    path = user_path(rest)
    try:
        path.write_text(json.dumps(dialogue.messages, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path} cannot be written: {error.strerror}") from error
    dialogue.terminal.note(f"({len(dialogue.messages)} messages are in {path})")
    return False


def _verbose(dialogue: Dialogue, _rest: str) -> bool:
    dialogue.verbose = not dialogue.verbose
    dialogue.terminal.note(f"(times and counts are {'shown' if dialogue.verbose else 'not shown'})")
    return False


COMMANDS: dict[str, Command] = {
    "help": Command("help", "this list", _help),
    "bye": Command("bye", "end the conversation; the model stays loaded for a while", _leave),
    "clear": Command("clear", "forget what was said", _clear),
    "retry": Command("retry", "answer the last question again", _retry),
    "file": Command("file PATH", "put a file into the next question", _file),
    "system": Command("system TEXT", "what the model is to be and do; - for nothing", _system),
    "set": Command("set NAME VALUE", "an option, such as temperature 0.2; without a value: its default", _set),
    "model": Command("model NAME", "go on with another model", _model),
    "save": Command("save PATH", "write the conversation into a file, as JSON", _save),
    "verbose": Command("verbose", "show times and counts, or not", _verbose),
}
