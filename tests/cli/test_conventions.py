"""What every command keeps to: --json, exit statuses, remedies, colours for terminals, silence about broken pipes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from native_host.cli import exit_status, remedies
from native_host.cli.main import app
from native_host.protocol.errors import ErrorCode
from tests.cli.terminal import COMMAND, Cli
from tests.support import MODEL, Installation, eventually

ROOT = Path(__file__).parents[2]
NO_MORE_TO_DO = {
    ErrorCode.FRAME_TOO_LARGE, ErrorCode.BAD_UTF8, ErrorCode.BAD_JSON, ErrorCode.TOO_DEEP, ErrorCode.DUPLICATE_KEY,
    ErrorCode.BAD_REQUEST, ErrorCode.DUPLICATE_ID,
}  # fmt: skip
"""What only a client with a defect can meet."""


def leaves() -> list[list[str]]:
    command = typer.main.get_command(app)
    found: list[list[str]] = []

    def walk(group: object, above: list[str]) -> None:
        for name, child in getattr(group, "commands", {}).items():
            walk(child, [*above, name])
        if not getattr(group, "commands", None):
            found.append(above)

    walk(command, [])
    return found


@pytest.mark.parametrize("words", leaves(), ids=" ".join)
def test_every_command_helps_and_speaks_json(words: list[str]) -> None:
    page = CliRunner().invoke(app, [*words, "--help"]).stdout
    assert "--json" in page
    told = re.split("Arguments:|Options:", page)[0].split("\n", 1)[1].strip()
    assert told.endswith(".")


def test_every_command_is_in_the_docs() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for words in leaves():
        assert f"`tabagent {' '.join(words)}" in page, words


def test_the_sessions_of_the_docs_are_recorded() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name in ("run", "conversation", "pull", "doctor"):
        assert re.search(
            rf"<!-- session {name} -->\n```console\n\$ tabagent {'run' if name == 'conversation' else name} ", page
        )
    assert "Traceback" not in page


def test_exit_statuses_are_in_the_help_and_in_the_docs(cli: Cli) -> None:
    page, told = cli.ok("--help"), (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for status, meaning in exit_status.MEANINGS.items():
        assert re.search(rf"\b{status}  {re.escape(meaning)}", page)
        assert f"| {status} | {meaning} |" in told


def test_every_error_has_a_remedy() -> None:
    assert {*remedies.REMEDIES} - {"bad_setting"} == {*ErrorCode} - NO_MORE_TO_DO


def test_a_remedy_names_commands_that_exist() -> None:
    commands = {words[0] for words in leaves()}
    for text in remedies.REMEDIES.values():
        for name in re.findall(r"tabagent ([a-z]+)", text):
            assert name in commands, text


def test_an_error_says_code_sentence_and_remedy(cli: Cli) -> None:
    done = cli("show", "/nowhere/model.gguf")
    assert done.returncode == exit_status.NO_SUCH_MODEL
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first == "error model_not_found: No model at /nowhere/model.gguf."
    assert second == f"  {remedies.REMEDIES['model_not_found']}"


def test_a_typo_in_the_file_leaves_the_commands_that_help(cli: Cli) -> None:
    cli.installation.chaos_model("kept")
    cli.ok("load", "kept", "--engine", "chaos")
    file = Path(cli.environ["TABAGENT_CONFIG_DIR"]) / "config.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text("keep_alive = 5\n")
    first, second = cli("list").stderr.splitlines()
    assert first == f"error bad_setting: {file}: keep_alive is no setting; did you mean keep_alive_s?"
    assert "tabagent config path" in second
    assert cli.ok("config", "path") == f"{file}\n"
    assert "did you mean keep_alive_s?\n" in cli("doctor", "--quick").stdout
    assert cli.ok("stop") == "TabAgent has ended.\n"


def test_the_remedy_of_a_bad_variable_names_it(cli: Cli) -> None:
    for variable in ("TABAGENT_THREDS", "TABAGENT_THREADS"):
        assert f"  Correct {variable} in the environment" in cli("list", **{variable: "many"}).stderr


@pytest.mark.parametrize("arguments", ["list", "list --json", "--help", "run slow --engine chaos '{}'"])
def test_a_full_disk_is_told_in_a_line(cli: Cli, arguments: str) -> None:
    cli.installation.chaos_model("slow")
    done = in_shell(cli, f"{COMMAND} {arguments} < /dev/null > /dev/full")
    assert done.returncode == exit_status.FAILED
    assert done.stderr == "error: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_streams_may_be_closed(cli: Cli, closed: str) -> None:
    cli.installation.chaos_model("slow")
    done = in_shell(cli, f"{COMMAND} run slow --engine chaos '{{}}' {closed}")
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) is (closed == "<&-")


def in_shell(cli: Cli, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line], env=cli.environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_an_error_as_json(cli: Cli) -> None:
    done = cli("load", "/nowhere/model.gguf", "--json")
    assert done.returncode == exit_status.NO_SUCH_MODEL
    assert done.stderr == ""
    (event,) = cli.lines("load", "/nowhere/model.gguf")
    assert event["event"] == "error"
    assert event["error"].keys() == {"code", "message", "details", "retryable", "remedy"}


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["run"], ["load", "x", "--keep-alive", "soon"], ["unload"], ["run", "x", "--format", "/none"],
     ["logs", "-n", "-1"], ["run", MODEL, "hi", "--temperature", "99"]],
)  # fmt: skip
def test_wrong_usage_is_status_2_and_a_sentence(cli: Cli, arguments: list[str]) -> None:
    done = cli(*arguments)
    assert done.returncode == exit_status.USAGE
    assert done.stdout == ""
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [("--temperature", "-1"), ("--temperature", "inf"), ("--max-tokens", "0"), ("--seed", "-1"), ("--seed", "9" * 23),
     ("--top-k", "-1"), ("--top-p", "1.1"), ("--min-p", "nan"), ("--repeat-penalty", "nan"), ("--context-length", "1"),
     ("--gpu-layers", "-1")],
)  # fmt: skip
def test_a_number_out_of_its_range_is_told_by_its_option(option: str, value: str) -> None:
    done = CliRunner().invoke(app, ["run", "x", "hi", f"{option}={value}"])
    assert done.exit_code == exit_status.USAGE
    assert option in done.stderr
    assert re.search(rf"{option} <.* range>[^-]*\[[^]]*<=x<=", CliRunner().invoke(app, ["run", "--help"]).stdout)


def test_colours_are_for_terminals(cli: Cli) -> None:
    assert "\x1b" not in cli.ok("list")
    for arguments, environ, coloured in [
        (["list"], {}, True),
        (["list"], {"NO_COLOR": "1"}, False),
        (["--color", "never", "list"], {}, False),
        (["list"], {"TABAGENT_COLOR": "never"}, False),
        (["--color", "always", "list"], {"NO_COLOR": "1"}, True),
    ]:
        with cli.on_terminal(*arguments, **environ) as terminal:
            assert terminal.end() == 0
            assert ("\x1b[1m" in terminal.raw) is coloured, (arguments, environ)
    assert "\x1b[1m" in cli.ok("--color", "always", "list")


def test_a_pipe_gets_all_of_a_long_line(cli: Cli) -> None:
    name = "a-model-with-a-name-" + "x" * 120
    cli.installation.chaos_model(name)
    assert re.search(rf"^{name}  gguf", cli.ok("list", COLUMNS="40"), re.MULTILINE)


def test_an_answer_cannot_steer_the_terminal(cli: Cli) -> None:
    cli.installation.chaos_model("evil")
    asked = r'{"tokens": 1, "text": "\u001b[31m\u001b]0;owned\u0007\u009b31m\u202e|\tgrün 😀"}'
    with cli.on_terminal("--color", "never", "run", "evil", "--engine", "chaos", asked) as terminal:
        assert terminal.end() == 0
    shown = terminal.raw.splitlines()[-1].removeprefix("\x1b[1A\x1b[2K")  # where the bars were
    assert "␛[31m␛]0;owned␇\N{REPLACEMENT CHARACTER}31m\N{REPLACEMENT CHARACTER}|" in shown
    assert "grün 😀" in shown
    assert not set(shown) & set("\x07\x1b\x9b\u202e")
    assert "\x1b[31m" in cli.ok("run", "evil", "--engine", "chaos", asked), "a pipe gets it as it is"


def test_whoever_stops_reading_is_not_complained_to(cli: Cli) -> None:
    for number in range(300):
        cli.installation.chaos_model(f"{'m' * 200}{number}")
    done = subprocess.run(
        ["bash", "-c", f"{COMMAND} list | head -n 1; echo ${{PIPESTATUS[0]}}"],
        env=cli.environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    head, status = done.stdout.splitlines()
    assert head.startswith("NAME")
    assert int(status) in (0, exit_status.NOBODY_READS)


def test_whoever_stops_reading_an_answer_stops_it(cli: Cli) -> None:
    cli.installation.chaos_model("slow")
    asked = '{"tokens": 100000, "interval_ms": 1}'
    done = subprocess.run(
        ["bash", "-c", f"{COMMAND} run slow --engine chaos '{asked}' </dev/null | head -c 5; echo ${{PIPESTATUS[0]}}"],
        env=cli.environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == f"0 1 2{exit_status.NOBODY_READS}\n"
    assert done.stderr == ""
    assert_idle(cli)


@pytest.mark.parametrize("stopped", [False, True])
def test_an_answer_that_breaks_off_leaves_its_line_on_a_terminal(cli: Cli, stopped: bool) -> None:
    cli.installation.chaos_model("broken")
    asked = json.dumps({"tokens": 10_000, "interval_ms": 20} | ({} if stopped else {"at": 5, "fault": "error"}))
    with cli.on_terminal("--color", "never", "run", "broken", "--engine", "chaos", asked) as terminal:
        terminal.expect("0 1 ")
        if stopped:
            terminal.press("\x03")
        assert terminal.end() == (exit_status.INTERRUPTED if stopped else exit_status.TRY_LATER)
    assert re.search(r"0 1 [\d ]*(\^C)?\n", terminal.text)


def test_ctrl_c_ends_with_130_and_cancels(cli: Cli) -> None:
    cli.installation.chaos_model("slow")
    running = cli.start("run", "slow", "--engine", "chaos", '{"tokens": 100000, "interval_ms": 1}')
    with running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.read(4) == b"0 1 "
        running.send_signal(signal.SIGINT)
        running.stdout.read()
        assert running.stderr.read() == b""
        assert running.wait(10) == exit_status.INTERRUPTED
    assert_idle(cli)


def assert_idle(cli: Cli) -> None:
    def requests() -> list[int]:
        return [model["active_requests"] for model in cli.json("ps")["models"]]

    eventually(lambda: requests() == [0])


def test_the_shell_completes_models_of_a_running_broker(tabagent: Installation) -> None:
    cli = Cli(tabagent)
    tabagent.chaos_model("my-model")
    words = {"_TABAGENT_COMPLETE": "complete_bash", "COMP_WORDS": "tabagent run my", "COMP_CWORD": "2"}
    assert cli("", **words).stdout.split() == [], "no broker is started for it"
    with tabagent.host() as host:
        host.result("hello")
        assert cli("", **words).stdout.split() == ["my-model"]
    commands = {"_TABAGENT_COMPLETE": "complete_bash", "COMP_WORDS": "tabagent pu", "COMP_CWORD": "1"}
    assert cli("", **commands).stdout.split() == ["pull"]


def test_a_terminal_that_knows_only_ascii(cli: Cli) -> None:
    cli.installation.chaos_model("größe")
    environ = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    assert "gr??e" in cli.ok("list", **environ)
    names = [model["name"] for model in cli.json("list", **environ)["models"]]
    assert "größe" in names


def test_a_home_that_cannot_be_written(cli: Cli) -> None:
    if os.geteuid() == 0:
        blocked = cli.installation.root / "blocked"
        blocked.write_text("a file, where a folder should be")
        done = cli("list", TABAGENT_STATE_DIR=str(blocked / "state"))
    else:
        done = cli("list", TABAGENT_STATE_DIR="/proc/none")
    assert done.returncode == exit_status.FAILED
    assert done.stderr.startswith("error config_unwritable: ")
