"""``tabagent doctor``: each thing that can be wrong is found, told with its remedy, and repaired where that is safe."""

from __future__ import annotations

import dataclasses
import json
import socket
import socketserver
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.registry import descriptors
from installer.doctor import Severity
from native_host.cli import exit_status
from native_host.cli.doctor import engines, http
from native_host.cli.doctor.engines import _importable
from native_host.cli.doctor.handshake import HandshakeFailed, shake_hands
from native_host.settings import resolve
from tests.cli.terminal import Cli
from tests.support import MODEL

HOST = "com.tabagent.host.json"


@pytest.fixture
def healthy(cli: Cli) -> Cli:
    """Registered with the one browser that is there."""
    add_browser(cli, "google-chrome")
    cli.ok("install")
    return cli


def add_browser(cli: Cli, folder: str) -> None:
    (cli.home / ".config" / folder).mkdir(parents=True)
    (cli.home / ".config" / folder / "First Run").touch()


def manifest(cli: Cli, folder: str = "google-chrome") -> Path:
    return cli.home / ".config" / folder / "NativeMessagingHosts" / HOST


def look(cli: Cli, *arguments: str, **environ: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit status, and the finding that matters most of each check."""
    done = cli("doctor", "--quick", "--json", *arguments, **environ)
    findings: dict[str, dict[str, Any]] = {}
    for finding in json.loads(done.stdout)["findings"]:
        findings.setdefault(finding["check"], finding)
    return done.returncode, findings


def test_all_is_well(healthy: Cli) -> None:
    healthy.environ.pop("TABAGENT_CPU_VARIANT", None)  # of the caller
    done = healthy("doctor")
    assert done.returncode == 0, done.stdout
    assert "Google Chrome: registered at " in done.stdout
    assert "The host answers in " in done.stdout
    assert "llama_cpp: can be imported" in done.stdout
    assert f"{MODEL} writes, by llama_cpp" in done.stdout
    assert "✗" not in done.stdout
    variant = healthy.json("hardware")["cpu"]["variant"]
    assert f"✓ {variant}: the best of " in done.stdout


def test_every_finding_but_a_good_one_has_a_remedy(cli: Cli) -> None:
    for finding in look(cli)[1].values():
        assert finding["severity"] in ("ok", "note") or finding["remedy"], finding


def test_without_a_browser_nothing_lacks(cli: Cli) -> None:
    status, found = look(cli)
    assert (status, found["launcher"]["severity"], found["launcher"]["fix"]) == (0, "note", None)
    assert "--fix" not in cli("doctor", "--quick").stdout
    assert "Repair with" not in cli("status").stdout


def test_nothing_is_installed_and_fix_installs(cli: Cli) -> None:
    add_browser(cli, "google-chrome")
    status, found = look(cli)
    assert status == exit_status.FAILED
    assert found["browser chrome"]["severity"] == "problem"
    assert found["launcher"]["fix"] == "install"
    assert found["handshake"]["severity"] == "ok", "before the first install, this environment's own host"
    assert not manifest(cli).exists(), "looking changes nothing"
    done = cli("doctor", "--quick", "--fix")
    assert done.returncode == 0, done.stdout
    assert "install done" in done.stdout
    assert manifest(cli).exists()


@pytest.mark.parametrize(
    ("harm", "check"),
    [
        (lambda cli: alter(cli, allowed_origins=["chrome-extension://" + "a" * 32 + "/"]), "browser chrome"),
        (lambda cli: launcher(cli).write_text("#!/bin/sh\nexit 4\n"), "handshake"),
    ],
    ids=["other ids", "a launcher that refuses"],
)
def test_what_is_wrong_is_found_and_repaired(healthy: Cli, harm: Any, check: str) -> None:
    harm(healthy)
    _, found = look(healthy)
    assert found[check]["severity"] == "problem", found
    assert found[check]["remedy"]
    status, repaired = look(healthy, "--fix")
    assert (status, repaired[check]["severity"]) == (0, "ok"), repaired


def alter(cli: Cli, **fields: Any) -> None:
    content = json.loads(manifest(cli).read_text())
    manifest(cli).write_text(json.dumps({**content, **fields}))


def launcher(cli: Cli) -> Path:
    return Path(cli.environ["TABAGENT_DATA_DIR"]) / "bin" / "tabagent-host"


def test_fix_takes_no_browser_from_another_installation(healthy: Cli) -> None:
    python = healthy.installation.root / "other python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    theirs = launcher(healthy).read_text().replace(sys.executable, f"'{python}'")
    launcher(healthy).write_text(theirs)
    add_browser(healthy, "chromium")
    status, found = look(healthy, "--fix")
    assert (status, found["browser chromium"]["severity"]) == (exit_status.FAILED, "problem")
    assert found["launcher"]["severity"] == "warning"
    assert launcher(healthy).read_text() == theirs
    assert not manifest(healthy, "chromium").exists()


def test_s17_a_wrapper_that_others_can_change_is_not_started(healthy: Cli) -> None:
    shared = healthy.installation.root / "shared"
    shared.mkdir()
    started = shared / "started"
    python = shared / "python"
    python.write_text(f'#!/bin/sh\ntouch {started}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    launcher(healthy).write_text(launcher(healthy).read_text().replace(sys.executable, str(python)))
    shared.chmod(0o777)
    status, found = look(healthy, "--fix")
    assert (status, found["launcher"]["severity"]) == (exit_status.FAILED, "problem")
    assert f"{shared} can be changed by other users" in found["launcher"]["message"]
    assert found["handshake"]["severity"] == "problem"
    assert not started.exists(), "another user's program was started"
    assert f"{shared} can be changed by other users" in healthy("status").stdout


def test_s17_an_environment_that_others_can_change_is_not_installed(cli: Cli) -> None:
    add_browser(cli, "google-chrome")
    shared, here = cli.installation.root / "shared", Path(sys.prefix)
    (shared / "env" / "bin").mkdir(parents=True)
    for name in ("pyvenv.cfg", "lib"):
        (shared / "env" / name).symlink_to(here / name)
    python = shared / "env" / "bin" / "python"
    python.symlink_to(Path(sys.executable).resolve())
    shared.chmod(0o777)
    done = subprocess.run(
        [python, "-c", "from native_host.cli.main import main; main()", "install"],
        env=cli.environ, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == exit_status.FAILED, done
    assert f"{shared} can be changed by other users" in done.stderr
    assert not manifest(cli).exists()
    assert not launcher(cli).exists()


def test_keys_that_lie_open_are_closed(healthy: Cli) -> None:
    config = healthy.installation.root / "config"
    config.mkdir(exist_ok=True)
    file = config / "config.toml"
    file.write_text('[server_keys]\ngpu = "sk-secret"\n')
    file.chmod(0o644)
    status, found = look(healthy)
    assert (status, found["keys"]["severity"]) == (0, "warning")
    assert "sk-secret" not in json.dumps(found)
    look(healthy, "--fix")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_socket_folder_that_is_open_is_closed(healthy: Cli) -> None:
    healthy.ok("list")
    healthy.ok("stop")
    runtime = Path(healthy.environ["TABAGENT_RUNTIME_DIR"])
    runtime.chmod(0o755)
    status, found = look(healthy)
    assert status == exit_status.FAILED
    assert found["runtime_dir"]["remedy"] == f"chmod 700 {runtime}"
    assert found["broker"]["severity"] == "problem"
    assert look(healthy, "--fix")[0] == 0


@pytest.fixture
def other_program() -> Iterator[int]:
    """Port of a program that is not ours and closes every connection at once."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_http_is_asked_for_and_not_there(healthy: Cli, other_program: int) -> None:
    assert look(healthy, TABAGENT_HTTP_PORT="1")[1]["HTTP"]["severity"] == "ok", "it is off"
    healthy.installation.chaos_model("kept")
    healthy.ok("load", "kept", "--engine", "chaos")
    asked_for = {"TABAGENT_HTTP": "true", "TABAGENT_HTTP_PORT": str(other_program)}
    status, found = look(healthy, **asked_for)
    assert (status, found["HTTP"]["severity"]) == (exit_status.FAILED, "problem")
    assert "started before the setting: tabagent stop" in found["HTTP"]["remedy"]
    healthy.ok("stop")
    assert "http_port" in look(healthy, **asked_for)[1]["HTTP"]["remedy"]


def test_a_program_that_never_answers_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LIMIT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = dataclasses.replace(resolve().settings, http=True, http_port=silent.getsockname()[1])
        assert not http.answers(settings)


def test_http_answers_and_an_open_token_of_ours_is_made_anew(healthy: Cli) -> None:
    with healthy.start("serve", "--port", "0", "--json") as serving:
        try:
            assert serving.stdout is not None
            told = json.loads(serving.stdout.readline())
            token, port = Path(told["token_file"]), told["url"].rsplit(":", 1)[1]
            assert look(healthy, TABAGENT_HTTP_PORT=port)[1]["HTTP"]["message"].startswith("it answers at ")
            before = token.read_text()
            token.chmod(0o644)
            _, found = look(healthy, TABAGENT_HTTP_PORT=port)
            assert (found["HTTP"]["severity"], found["HTTP"]["fix"]) == ("problem", "renew_token")
            assert "--fix deletes it" in found["HTTP"]["message"]
            status, found = look(healthy, "--fix", TABAGENT_HTTP_PORT=port)
            assert (status, found["HTTP"]["severity"]) == (0, "note")
            assert "tabagent serve (Ctrl-C)" in found["HTTP"]["remedy"], "it still takes the one that others read"
            assert not token.exists()
        finally:
            serving.terminate()
    with healthy.start("serve", "--port", "0", "--json") as serving:
        assert serving.stdout is not None
        serving.stdout.readline()
        serving.terminate()
    assert token.read_text() != before
    assert stat.S_IMODE(token.stat().st_mode) == 0o600


def test_a_token_of_the_users_own_is_closed_and_kept(healthy: Cli) -> None:
    token = healthy.installation.root / "token"
    token.write_text("a-token-that-I-chose\n")
    token.chmod(0o644)
    mine = {"TABAGENT_HTTP_TOKEN_FILE": str(token), "TABAGENT_HTTP_PORT": "1"}
    assert "new one" in look(healthy, **mine)[1]["HTTP"]["remedy"]
    look(healthy, "--fix", **mine)
    assert (token.read_text(), stat.S_IMODE(token.stat().st_mode)) == ("a-token-that-I-chose\n", 0o600)


def test_a_bad_setting_is_a_problem_and_nothing_is_started(healthy: Cli) -> None:
    status, found = look(healthy, TABAGENT_HTTP_PROT="1")
    assert status == exit_status.FAILED
    assert found.keys() == {"settings", "disk"}
    assert found["settings"]["severity"] == "problem"
    assert found["settings"]["message"].endswith("did you mean TABAGENT_HTTP_PORT?")
    assert found["settings"]["remedy"].startswith("Correct TABAGENT_HTTP_PROT in the environment")


def test_another_variant_than_the_best_is_told(healthy: Cli) -> None:
    healthy.environ.pop("TABAGENT_CPU_VARIANT", None)  # of the caller
    healthy.installation.chaos_model("kept")
    healthy.ok("load", "kept", "--engine", "chaos")
    _, found = look(healthy, TABAGENT_CPU_VARIANT="x64")
    assert found["CPU variant"]["severity"] == "ok", "the broker that runs was started without it"
    healthy.ok("stop")
    _, found = look(healthy, TABAGENT_CPU_VARIANT="x64")
    assert found["CPU variant"]["severity"] == "warning"
    assert found["CPU variant"]["message"].startswith("x64 serves")


def test_an_engine_that_is_installed_and_broken() -> None:
    engine = next(it for it in descriptors() if it.name == "chaos")
    assert _importable(engine).severity is Severity.OK
    finding = _importable(dataclasses.replace(engine, requires=("json", "no_such_module")))
    assert finding.severity is Severity.PROBLEM
    assert "no_such_module" in finding.message
    assert finding.remedy == f"Install it again: {engine.install_hint}"
    assert _importable(dataclasses.replace(engine, requires=("antigravity_",))).severity is Severity.PROBLEM


def test_an_import_leaves_nothing_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "litters.py").write_text("import pathlib; pathlib.Path('~/litter').expanduser().touch(exist_ok=False)")
    code = f"import sys; sys.path.insert(0, {str(site)!r})\n{engines._CODE}"
    monkeypatch.setattr(engines, "_CODE", code)
    monkeypatch.setenv("HOME", str(tmp_path))
    chaos = next(it for it in descriptors() if it.name == "chaos")
    assert _importable(dataclasses.replace(chaos, requires=("litters",))).severity is Severity.OK
    assert not (tmp_path / "litter").exists()


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("#!/nowhere/interpreter\n", "cannot be started"),
        ("#!/bin/sh\necho 'no luck' >&2; exit 5\n", "status 5: no luck"),
        ("#!/bin/sh\necho stray output\ncat >/dev/null\n", "no answer"),
        ("#!/bin/sh\nexec cat\n", "no answer"),
        ("#!/bin/sh\ncat >/dev/null; sleep 60 &\nwait\n", "did not answer"),
    ],
)
def test_a_host_that_does_not_shake_hands(
    tmp_path: Path, script: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("native_host.cli.doctor.handshake.LIMIT_S", 3.0)
    host = tmp_path / "host"
    host.write_text(script)
    host.chmod(0o755)
    with pytest.raises(HandshakeFailed, match=says):
        shake_hands(host)
