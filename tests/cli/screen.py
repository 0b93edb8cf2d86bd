"""What a terminal shows after all its escapes: enough of them for our bars and for prompt_toolkit's line editor."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\x1b\[([0-9;?]*)([@-~])|\x1b[=>()][0-9A-B]?|\x1b\][^\x07]*\x07|([\r\n\x08])|([^\x1b\r\n\x08]+)")


class Screen:
    """Lines without end; nothing scrolls away."""

    def __init__(self) -> None:
        self._lines: list[str] = [""]
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        """Show more."""
        for match in _TOKEN.finditer(text):
            parameter, final, control, plain = match.groups()
            if plain:
                self._write(plain)
            elif control:
                self._control(control)
            elif final:
                self._sequence(parameter, final)

    @property
    def text(self) -> str:
        """What is on it."""
        return "\n".join(line.rstrip() for line in self._lines).rstrip("\n")

    def _write(self, text: str) -> None:
        line = self._lines[self._row].ljust(self._column)
        self._lines[self._row] = line[: self._column] + text + line[self._column + len(text) :]
        self._column += len(text)

    def _control(self, control: str) -> None:
        if control == "\n":
            self._move(self._row + 1)
        elif control == "\r":
            self._column = 0
        else:
            self._column = max(0, self._column - 1)

    def _sequence(self, parameter: str, final: str) -> None:
        count = int(parameter) if parameter.isdigit() else 1
        match final:
            case "A":
                self._move(max(0, self._row - count))
            case "B":
                self._move(self._row + count)
            case "C":
                self._column += count
            case "D":
                self._column = max(0, self._column - count)
            case "K":
                line = self._lines[self._row]
                self._lines[self._row] = "" if parameter == "2" else line[: self._column]
            case "J":
                self._lines[self._row] = self._lines[self._row][: self._column]
                del self._lines[self._row + 1 :]

    def _move(self, row: int) -> None:
        self._row = row
        self._lines += [""] * (row + 1 - len(self._lines))
