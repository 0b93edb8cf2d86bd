"""Flag over environment over file over default, and errors that help. The processes that read them, too."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import pytest
import typer

from native_host.cli.attachments import response_format
from native_host.cli.options import reference
from native_host.settings import Origin, Resolved, Settings, SettingsError, resolve
from tabagent_harness import origin
from tests.cli.settings_table import table
from tests.support import Installation

ROOT = Path(__file__).parents[2]


def resolved(folder: Path, toml: str = "", flags: dict[str, Any] | None = None, **environ: str) -> Resolved:
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(toml, encoding="utf-8")
    return resolve(flags, {"TABAGENT_CONFIG_DIR": str(folder), **environ})


def refusal(folder: Path, toml: str = "", **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        resolved(folder, toml, **environ)
    return str(caught.value)


def test_the_page_is_true() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == table()


def test_the_nearest_source_wins(tmp_path: Path) -> None:
    file = "http_port = 1\n"
    assert resolve({}, {"TABAGENT_CONFIG_DIR": str(tmp_path)}).settings.http_port == 11535
    assert resolved(tmp_path, file).settings.http_port == 1
    assert resolved(tmp_path, file, TABAGENT_HTTP_PORT="2").settings.http_port == 2
    flag = resolved(tmp_path, file, {"http_port": 3}, TABAGENT_HTTP_PORT="2")
    assert flag.settings.http_port == 3
    not_given = resolved(tmp_path, file, {"http_port": None}, TABAGENT_HTTP_PORT="2")
    assert not_given.settings.http_port == 2


def test_every_value_has_its_origin(tmp_path: Path) -> None:
    found = resolved(
        tmp_path, "threads = 2\n", {"http_port": 3}, TABAGENT_PARALLEL="1", HF_ENDPOINT="http://a", NO_COLOR="1"
    )
    assert found.file == tmp_path / "config.toml"
    assert found.origins["threads"] == Origin("file", str(found.file))
    assert found.origins["http_port"] == Origin("flag", "--http-port")
    assert found.origins["parallel"] == Origin("environment", "TABAGENT_PARALLEL")
    assert found.origins["hub_endpoint"] == Origin("environment", "HF_ENDPOINT")
    assert (found.settings.color, found.origins["color"].where) == ("never", "NO_COLOR")
    assert found.origins["keep_alive_s"] == Origin("default")
    assert found.origins.keys() == {name for name in dir(found.settings) if name in found.origins}


def test_our_own_variable_wins_over_a_foreign_one(tmp_path: Path) -> None:
    found = resolved(
        tmp_path, HF_ENDPOINT="http://a", TABAGENT_HUB_ENDPOINT="http://b", NO_COLOR="1", TABAGENT_COLOR="always"
    )
    assert found.settings.hub_endpoint == "http://b"
    assert found.settings.color == "always"


def test_a_file_with_a_value_of_each_type(tmp_path: Path) -> None:
    file = """
    keep_alive_s = 60
    coalesce_ms = 1.5
    parallel = 2
    http = true
    log_level = "debug"
    ollama_url = ""
    ollama_dir = "~/elsewhere"
    model_dirs = ["/a", "~/b"]
    http_origins = ["https://example.org", "http://[::1]:3000", "chrome-extension://abcdefgh"]
    servers = { gpu = "http://gpu:8000/v1" }
    [server_keys]
    gpu = "sk=1"
    """
    settings = resolved(tmp_path, file).settings
    assert (settings.keep_alive_s, settings.coalesce_ms, settings.parallel, settings.http) == (60.0, 1.5, 2, True)
    assert settings.model_dirs == (Path("/a"), Path("~/b").expanduser())
    assert settings.ollama_dir == Path("~/elsewhere").expanduser()
    assert (settings.servers, settings.server_keys) == ({"gpu": "http://gpu:8000/v1"}, {"gpu": "sk=1"})
    assert settings.http_origins[1] == "http://[::1]:3000"
    assert settings.ollama_url == ""


@pytest.mark.parametrize(
    ("toml", "environ", "says"),
    [
        ("keep_alive = 3", {}, "keep_alive_s"),
        ("htp_port = 3", {}, "http_port"),
        ("qqqqqqqqq = 3", {}, "docs/configuration.md"),
        ("", {"TABAGENT_HTTP_PROT": "1"}, "TABAGENT_HTTP_PORT"),
        ("", {"TABAGENT_MODEL_DIR": "/a"}, "TABAGENT_MODEL_DIRS"),
        ("http_port = '1'", {}, "a whole number"),
        ("http_port = true", {}, "a whole number"),
        ("http = 1", {}, "true or false"),
        ("http_port = 65536", {}, "at most 65535"),
        ("http_max_body_mb = 17", {}, "at most 16"),
        ("parallel = 0", {}, "at least 1"),
        ("keep_alive_s = nan", {}, "finite"),
        ("", {"TABAGENT_KEEP_ALIVE_S": "inf"}, "TABAGENT_KEEP_ALIVE_S must be a finite"),
        ("", {"TABAGENT_HTTP": "maybe"}, "true or false"),
        ("model_dirs = '/a'", {}, "list of paths"),
        ("model_dirs = [1]", {}, "list of paths"),
        ("servers = ['a']", {}, "table"),
        ("servers = {'a b' = 'http://x'}", {}, "server's name"),
        ("servers = {gpu = 'ftp://x'}", {}, "http(s)"),
        ("ollama_url = 'http://user:key@host'", {}, "server_keys"),
        ("http_origins = ['*']", {}, "no origin"),
        ("http_origins = ['https://a.example/path']", {}, "no origin"),
        ("color = 'blue'", {}, "auto, always, never"),
        ("", {"TABAGENT_LOG_LEVEL": "LOUD"}, "DEBUG"),
        ("config_dir = '/a'", {}, "TABAGENT_CONFIG_DIR"),
        ("http_port =", {}, "no TOML"),
        ("[http]\nport = 1", {}, "true or false"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(tmp_path: Path, toml: str, environ: dict[str, str], says: str) -> None:
    message = refusal(tmp_path, toml, **environ)
    assert says in message
    if toml:
        assert str(tmp_path / "config.toml") in message


@pytest.mark.parametrize("key", ["sk-sec ret", "sk-secret\n"])
def test_a_key_is_never_in_a_message(tmp_path: Path, key: str) -> None:
    for message in (
        refusal(tmp_path, f"[server_keys]\ngpu = {key!r}\n".replace("'", '"')),
        refusal(tmp_path, TABAGENT_SERVER_KEYS=f"gpu={key}x y"),
        refusal(tmp_path, TABAGENT_SERVER_KEYS=key),
        refusal(tmp_path, TABAGENT_SERVERS=f"box=http://x,{key}"),
        refusal(tmp_path, f"[servers.box]\nurl = 'http://x'\nkey = {key!r}\n".replace("'", '"')),
    ):
        assert "sec" not in message.replace(str(tmp_path), "")
    for setting in ("TABAGENT_SERVER_KEYS", "TABAGENT_SERVERS"):  # without its name, one in base64 looks like a name
        assert "sec" not in refusal(tmp_path, **{setting: "sk-secret="})
    assert "sk-secret" not in repr(resolved(tmp_path, TABAGENT_SERVER_KEYS="gpu=sk-secret").settings)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="no TOML"):
        resolve({}, {"TABAGENT_CONFIG_DIR": str(tmp_path)})
    (tmp_path / "config.toml").unlink()
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        resolve({}, {"TABAGENT_CONFIG_DIR": str(tmp_path)})
    assert resolve({}, {"TABAGENT_CONFIG_DIR": str(tmp_path / "none")}).settings.http is False


def test_variables_of_others_are_no_settings(tmp_path: Path) -> None:
    resolved(tmp_path, TABAGENT_CPU_VARIANT="haswell", TABAGENT_TEST_MODELS="/a", TABAGENT="x")


PATHS = [it for it in fields(Settings) if it.type in ("Path", "tuple[Path, ...]") or it.name == "http_token_file"]


@pytest.mark.parametrize("setting", PATHS, ids=lambda it: it.name)
@pytest.mark.parametrize("value", ["~nosuch/folder", "~nosuch"])
def test_s18_a_home_that_is_nowhere_is_an_error(tmp_path: Path, setting: Field[Any], value: str) -> None:
    """In the environment and in the file; a NUL likewise."""
    variable = f"TABAGENT_{setting.name.upper()}"
    with pytest.raises(SettingsError, match=f"^{variable}: .*'~nosuch'.*give a full path") as caught:
        resolve({}, {"TABAGENT_CONFIG_DIR": str(tmp_path), variable: value})
    assert caught.value.variable == variable
    if setting.name == "config_dir":
        return
    text = f"['{value}']" if setting.type == "tuple[Path, ...]" else f"'{value}'"
    assert f": {setting.name}: " in refusal(tmp_path, f"{setting.name} = {text}")
    nul = text.replace(f"'{value}'", '"a\\u0000b"')
    assert "NUL" in refusal(tmp_path, f"{setting.name} = {nul}")


COMMANDS = {"tabagent-host": [origin()], "tabagent-broker": [], "tabagent": ["status"], "http": []}


def run_process(command: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one of our processes to its end."""
    program = [str(Path(sys.executable).with_name(command)), *COMMANDS[command]]
    if command == "http":
        program = [sys.executable, "-m", "native_host.http_server"]
    return subprocess.run(
        program, check=False, env=environ, capture_output=True, text=True, stdin=subprocess.PIPE, timeout=60
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_s18_every_process_says_which_setting_has_no_home(tabagent: Installation, command: str) -> None:
    done = run_process(command, {**tabagent.environ, "TABAGENT_OLLAMA_DIR": "~nosuch/models"})
    assert (done.returncode, done.stdout) == (2, ""), done
    assert "TABAGENT_OLLAMA_DIR: no home directory is known for '~nosuch'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("command", "home"), [*((command, {}) for command in COMMANDS), ("tabagent", {"HOME": "it"})])
def test_s18_no_home_at_all_is_a_sentence(command: str, home: dict[str, str]) -> None:
    """The password database of the process is replaced: its user has no entry there. A relative HOME is none."""
    site = "import pwd\ndef missing(*_):\n    raise KeyError\npwd.getpwuid = pwd.getpwnam = missing\n"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sitecustomize.py").write_text(site)
        done = run_process(command, {"PATH": os.environ["PATH"], "PYTHONPATH": folder, **home})
        assert (done.returncode, done.stdout) == (2, ""), done
        assert "set HOME to a full path" in done.stderr
        assert "Traceback" not in done.stderr


def test_s18_commands_read_an_unknown_home_as_a_file_name() -> None:
    assert reference("~nosuch/model.gguf") == str(Path.cwd() / "~nosuch" / "model.gguf")
    with pytest.raises(typer.BadParameter, match="cannot be read"):
        response_format("~nosuch/schema.json")


@pytest.mark.parametrize("command", ["tabagent-host", "tabagent-broker", "tabagent"])
def test_every_process_refuses_a_bad_file(tabagent: Installation, command: str) -> None:
    config = tabagent.root / "config"
    config.mkdir()
    (config / "config.toml").write_text("keep_alive = 3\n")
    arguments = {"tabagent-host": [origin()], "tabagent": ["status"]}.get(command, [])
    done = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), command), *arguments],
        check=False, env=tabagent.environ, capture_output=True, text=True, stdin=subprocess.PIPE, timeout=30,
    )  # fmt: skip
    assert done.returncode == 2
    assert "did you mean keep_alive_s?" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_broker_obeys_the_file(tabagent: Installation) -> None:
    config = tabagent.root / "config"
    config.mkdir()
    tabagent.chaos_model("other")
    (config / "config.toml").write_text('default_model = "other"\n')
    with tabagent.host() as host:
        assert host.result("hello")["result"]["default_model"] == "other"
