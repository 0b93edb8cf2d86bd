"""The conversation on a terminal: typed, watched, interrupted."""

from __future__ import annotations

import json
import mimetypes
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from native_host.cli.attachments import picture
from native_host.cli.commands import COMMANDS
from tests.cli.terminal import READS, Cli, TerminalSession
from tests.questions import QUESTION, SYSTEM
from tests.support import MODEL, eventually

PROMPT = READS
CTRL_C, CTRL_D, ALT_ENTER, UP = "\x03", "\x04", "\x1b\r", "\x1b[A"
SLOW = '{"tokens": 100000, "interval_ms": 2}'


@pytest.fixture
def chaos(cli: Cli) -> Iterator[TerminalSession]:
    """A conversation with a model that does as it is told."""
    cli.installation.chaos_model("chaos")
    with cli.on_terminal("run", "chaos", "--engine", "chaos") as terminal:
        terminal.expect("/help lists commands")
        terminal.expect(PROMPT)
        yield terminal


def say(terminal: TerminalSession, text: str) -> str:
    """Type, press Enter, and return what is new when the prompt is there again."""
    terminal.press(f"{text}\r")
    return terminal.expect(PROMPT)


def ask(terminal: TerminalSession, **order: object) -> str:
    return say(terminal, json.dumps(order))


def test_the_real_model_remembers_what_was_said(shared_cli: Cli) -> None:
    with shared_cli.on_terminal("run", MODEL, "--temperature", "0", "--max-tokens", "40", "--system", SYSTEM) as it:
        it.expect(PROMPT)
        assert "Paris" in say(it, QUESTION)
        saved = shared_cli.installation.root / "saved.json"
        say(it, "Why?")
        assert "5 messages" in say(it, f"/save {saved}")
        it.press("/bye\r")
        assert it.end() == 0
    roles = [message["role"] for message in json.loads(saved.read_text())]
    assert roles == ["system", "user", "assistant", "user", "assistant"]


def test_answers_and_the_end_of_file(chaos: TerminalSession) -> None:
    assert "0 1 2 \n" in ask(chaos, tokens=3)
    chaos.press(CTRL_D)
    assert chaos.end() == 0


def test_ctrl_c_stops_the_answer_and_not_the_conversation(cli: Cli, chaos: TerminalSession) -> None:
    chaos.press(f"{SLOW}\r")
    chaos.expect("0 1 2 3 ")
    chaos.press(CTRL_C)
    chaos.expect(r"\(stopped\)")
    chaos.expect(PROMPT)
    assert [model["active_requests"] for model in cli.json("ps")["models"]] == [0]
    assert "0 1 \n" in ask(chaos, tokens=2)
    chaos.press(f"half a line{CTRL_C}")
    chaos.expect("ends the conversation")
    chaos.expect(PROMPT)
    chaos.press("/bye\r")
    assert chaos.end() == 0


def test_ctrl_c_stops_a_load_and_not_the_conversation(cli: Cli, chaos: TerminalSession) -> None:
    cli.installation.chaos_model("slow", interval_ms=60_000)
    chaos.press("/model slow\r")
    eventually(lambda: "slow" in _loaded(cli))
    chaos.press(CTRL_C)
    chaos.expect(r"\(stopped\)")
    chaos.expect(PROMPT)
    assert "chaos" in say(chaos, "/model")
    assert "0 1 \n" in ask(chaos, tokens=2)
    eventually(lambda: "slow" not in _loaded(cli))


def _loaded(cli: Cli) -> set[str]:
    return {model["model"] for model in cli.json("ps")["models"]}


def test_an_error_is_told_and_the_conversation_goes_on(chaos: TerminalSession) -> None:
    told = ask(chaos, tokens=3, fault="error", at=1)
    assert "error generation_failed: " in told
    assert "tabagent logs" in told
    assert "error engine_crashed: " in ask(chaos, tokens=3, fault="abort", at=1)
    assert "0 1 \n" in ask(chaos, tokens=2)


def test_several_lines(chaos: TerminalSession) -> None:
    """Three ways; each is one question, or the engine would refuse half an order."""
    assert "0 1 \n" in say(chaos, f'{{"tokens":{ALT_ENTER}2}}')
    chaos.press('"""{"tokens":\r')
    chaos.press("3\r")
    chaos.press('}"""\r')
    assert "0 1 2 \n" in chaos.expect(PROMPT)
    chaos.press('{"tokens":\\\r')
    chaos.press("4}\r")
    assert "0 1 2 3 \n" in chaos.expect(PROMPT)


def test_a_paste_of_several_lines_is_one_question(chaos: TerminalSession) -> None:
    chaos.press('\x1b[200~{"tokens":\n2}\x1b[201~')
    assert "0 1 \n" in say(chaos, "")


def test_history_outlives_the_conversation_and_is_private(cli: Cli, chaos: TerminalSession) -> None:
    ask(chaos, tokens=2)
    chaos.press("/bye\r")
    assert chaos.end() == 0
    file = Path(cli.installation.root / "state" / "history")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with cli.on_terminal("run", "chaos", "--engine", "chaos") as again:
        again.expect(PROMPT)
        again.press(UP + UP)
        again.expect("tokens")
        again.press("\r")
        again.expect("0 1 \n")


def test_commands(chaos: TerminalSession, cli: Cli) -> None:
    page = say(chaos, "/help")
    for command in COMMANDS.values():
        assert f"/{command.usage}" in page
    assert "There is no /nonsense" in say(chaos, "/nonsense")
    assert "temperature 0.5" in say(chaos, "/set temperature 0.5")
    assert "temperature: " in say(chaos, "/set temperature 99")
    assert "There is no option heat" in say(chaos, "/set heat 1")
    assert "(defaults)" in say(chaos, "/set temperature")
    assert "Nothing was asked yet" in say(chaos, "/retry")
    ask(chaos, tokens=3)
    assert "0 1 2 \n" in say(chaos, "/retry")
    assert "(forgotten)" in say(chaos, "/clear")
    assert "Nothing was asked yet" in say(chaos, "/retry")
    assert "system: Be brief." in say(chaos, "/system Be brief.")
    assert "error model_not_found: " in say(chaos, "/model nowhere")
    assert "chaos" in say(chaos, "/model")
    cli.installation.chaos_model("another")
    assert "another" in say(chaos, "/model another")
    assert "are shown" in say(chaos, "/verbose")
    assert "answer 2 tokens" in ask(chaos, tokens=2)
    assert "cannot be read" in say(chaos, "/file /nowhere")


def test_a_file_goes_with_the_next_question(chaos: TerminalSession, cli: Cli) -> None:
    file = cli.installation.root / "order.txt"
    file.write_text('"tokens": 4}')
    assert "12 characters" in say(chaos, f"/file {file}")
    binary = cli.installation.root / "page.txt"
    binary.write_bytes(b"%PDF-1.7\n\0")
    assert "is a PDF" in say(chaos, f"/file {binary}"), "h25"
    assert "0 1 2 3 \n" in say(chaos, "{")


def test_a_picture_is_known_where_the_system_has_no_type_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mimetypes, "guess_type", lambda *_: (None, None))
    file = tmp_path / "DOT.WEBP"
    file.write_bytes(b"RIFF")
    assert picture(file)["image_url"]["url"] == "data:image/webp;base64,UklGRg=="
    with pytest.raises(ValueError, match="no picture"):  # what a conversation shows and goes on after
        picture(tmp_path / "dot.heic")


def test_a_picture_goes_with_the_next_question(chaos: TerminalSession, cli: Cli) -> None:
    file = cli.installation.root / "dot.webp"
    file.write_bytes(b"RIFF")
    assert "a picture" in say(chaos, f"/file {file}")
    assert "error " in ask(chaos, tokens=2), "this model sees nothing"
    assert "0 1 \n" in ask(chaos, tokens=2)


def test_a_picture_of_the_command_line_goes_with_the_first_question(cli: Cli) -> None:
    cli.installation.chaos_model("chaos")
    file = cli.installation.root / "dot.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n")
    with cli.on_terminal("run", "chaos", "--engine", "chaos", "--image", str(file)) as terminal:
        terminal.expect(PROMPT)
        assert "error " in ask(terminal, tokens=2), "this model sees nothing"
        assert "0 1 \n" in ask(terminal, tokens=2)


def test_a_model_that_cannot_be_loaded_begins_no_conversation(cli: Cli) -> None:
    with cli.on_terminal("run", "nowhere") as terminal:
        assert terminal.end() == 3
    assert "error model_not_found: " in terminal.text
    assert ">>>" not in terminal.text
