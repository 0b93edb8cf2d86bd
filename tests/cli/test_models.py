"""list, show, detect, verify, rm, ps, load, unload, stop, hardware, logs, config: real broker, real model."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from native_host.cli import exit_status
from native_host.protocol.messages.results import RESULTS
from tests.cli.terminal import Cli
from tests.support import MODEL, Installation, eventually, processes


@pytest.mark.parametrize(
    ("arguments", "action"),
    [
        (["list"], "list_models"),
        (["show", MODEL], "detect_model"),
        (["detect", MODEL], "detect_model"),
        (["hardware"], "hardware"),
    ],
)
def test_json_is_the_protocols_own_result(shared_cli: Cli, arguments: list[str], action: str) -> None:
    RESULTS[action].model_validate(shared_cli.json(*arguments), extra="forbid")


def test_json_of_what_takes_time_is_its_events(shared_cli: Cli) -> None:
    *before, last = shared_cli.lines("load", MODEL)
    assert {event["event"] for event in before} <= {"progress"}
    RESULTS["load_model"].model_validate(last["result"], extra="forbid")
    RESULTS["status"].model_validate(shared_cli.json("ps"), extra="forbid")
    *before, last = shared_cli.lines("verify", MODEL)
    assert before[-1]["stage"] == "verifying"
    RESULTS["verify_model"].model_validate(last["result"], extra="forbid")
    RESULTS["unload_model"].model_validate(shared_cli.json("unload", MODEL), extra="forbid")


def test_list_and_show_in_words(shared_cli: Cli) -> None:
    head, *rows = shared_cli.ok("list").splitlines()
    assert head.split() == ["NAME", "FORMAT", "QUANT", "TASK", "SIZE", "SOURCE"]
    assert any(row.split()[:3] == [MODEL, "gguf", "Q4_1"] for row in rows)
    page = shared_cli.ok("show", MODEL)
    for fact in ("gguf, llama, 134.5M, Q4_1", "8,192 tokens", "apache-2.0", "1. llama_cpp (Rust): ", ".gguf  98.4 MB"):
        assert fact in page


def test_load_ps_unload(cli: Cli) -> None:
    assert "loaded in" in cli.ok("load", MODEL, "--keep-alive", "90m", "--context-length", "1024")
    assert "was loaded already" in cli.ok("load", MODEL, "--keep-alive", "90m", "--context-length", "1024")
    row = cli.ok("ps").splitlines()[1].split()
    assert row[:4] == [MODEL, "llama_cpp", "ready", "1,024"]
    assert "1h" in row
    assert cli.ok("unload", MODEL) == f"{MODEL} is unloaded\n"
    assert cli.ok("unload", MODEL) == f"{MODEL} was not loaded\n"
    cli.ok("load", MODEL)
    assert cli.ok("unload", "--all") == f"{MODEL} is unloaded\n"
    assert cli.json("ps")["models"] == []
    assert cli.lines("unload", "--all") == [{"model": None, "unloaded": False}]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("-1", -1), ("forever", -1), ("0", 0), ("90", 90), ("1.5h", 5400), ("1h30m", 5400), ("5min", 300)],
)
def test_spans_of_time(shared_cli: Cli, text: str, seconds: float) -> None:
    shared_cli.ok("load", MODEL, f"--keep-alive={text}")
    (model,) = shared_cli.json("ps")["models"]
    assert model["keep_alive_s"] == seconds
    assert ("after the next request" in shared_cli.ok("ps")) is (seconds == 0)


def test_a_path_is_a_name_wherever_one_stands(cli: Cli) -> None:
    folder = cli.installation.root / "elsewhere"
    folder.mkdir()
    shutil.copy(cli.json("show", MODEL)["path"], folder / "copy.gguf")
    for name in ("copy.gguf", "./copy.gguf", "../elsewhere/copy.gguf", str(folder / "copy.gguf")):
        assert cli.json("show", name, cwd=folder)["path"] == str(folder / "copy.gguf")
    assert cli("show", "copy.gguf").returncode != 0, "the broker was started in that folder, and stayed not in it"


def test_rm_removes_ours_alone(cli: Cli) -> None:
    ours = cli.installation.models / "mine.gguf"
    cli.installation.chaos_model("mine")
    assert cli.ok("rm", "mine").startswith("removed mine, ")
    assert not ours.exists()
    done = cli("rm", MODEL)
    assert done.returncode == exit_status.FAILED
    assert "error not_removable: " in done.stderr
    cli.installation.chaos_model("loaded")
    cli.ok("load", "loaded", "--engine", "chaos")
    done = cli("rm", "loaded")
    assert done.returncode == exit_status.TRY_LATER
    assert "tabagent unload MODEL" in done.stderr


def test_verify_finds_what_changed(cli: Cli) -> None:
    assert f"{MODEL} can be read; there is no hash to compare with" in cli.ok("verify", MODEL)
    broken = cli.installation.models / "broken.gguf"
    content = Path(cli.json("show", MODEL)["path"]).read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    done = cli("verify", str(broken))
    assert done.returncode == exit_status.FAILED
    assert "broken is DAMAGED" in done.stdout
    assert "tabagent rm" not in done.stderr
    assert "tabagent rm" in cli("verify", "broken").stderr


def test_ps_and_stop_start_nothing(cli: Cli) -> None:
    assert cli("ps").stderr == "No model is loaded. TabAgent is not running.\n"
    assert cli.json("ps")["models"] == []
    assert cli.ok("stop") == "TabAgent was not running.\n"
    assert brokers(cli) == []


def test_stop_ends_the_broker_and_its_workers(cli: Cli) -> None:
    cli.ok("load", MODEL)
    pid = cli.json("ps")["pid"]
    assert pid in brokers(cli)
    assert cli.json("stop") == {"stopped": True, "pid": pid, "http": []}
    eventually(lambda: brokers(cli) == [])


def test_stop_ends_every_server_and_no_other_program(cli: Cli) -> None:
    runtime = Path(cli.environ["TABAGENT_RUNTIME_DIR"])
    with ExitStack() as stack:
        servers = [stack.enter_context(cli.start("serve", "--port", "0", "--json")) for _ in range(2)]
        for server in servers:
            stack.callback(server.terminate)
            assert server.stdout is not None
            assert json.loads(server.stdout.readline())["url"].startswith("http://127.0.0.1:")
        killed = runtime / f"http-{os.getpid()}.lock"  # of one that was killed, whose pid a program has now: this one
        killed.touch()
        done = cli.json("stop")
        assert done == {"stopped": True, "pid": None, "http": sorted(server.pid for server in servers)}
        assert [server.wait(5) for server in servers] == [0, 0]
    assert not killed.exists()
    assert cli.ok("stop") == "TabAgent was not running.\n"


def brokers(cli: Cli) -> list[int]:
    runtime = cli.environ["TABAGENT_RUNTIME_DIR"]
    return [it.pid for it in processes() if it.environ.get("TABAGENT_RUNTIME_DIR") == runtime]


def test_hardware_tells_the_variant(shared_cli: Cli) -> None:
    variant = shared_cli.json("hardware")["cpu"]["variant"]
    page = shared_cli.ok("hardware")
    assert f"CPU variant  {variant}\n" in page
    assert f"\n{variant} " in page


def test_logs(cli: Cli) -> None:
    assert "There is no log yet" in cli("logs").stderr
    cli.ok("list")
    assert "listening, pid" in cli.ok("logs")
    assert len(cli.ok("logs", "-n", "1").splitlines()) == 1
    path = cli.ok("logs", "--path").strip()
    assert Path(path).is_file()
    assert cli.json("logs", "--path") == {"path": path, "exists": True}
    entries = cli.lines("logs")
    assert any(it["level"] == "INFO" and it["message"].startswith("listening") for it in entries)


def test_logs_follow_what_is_added_and_a_new_file(cli: Cli) -> None:
    file = Path(cli.ok("logs", "--path").strip())
    file.parent.mkdir(parents=True)
    file.write_text("an old entry\n")
    with cli.start("logs", "--follow", "-n", "1", "--json") as following:
        assert following.stdout is not None
        try:
            following.stdout.readline()
            with file.open("a") as log:
                log.write("2026-01-01 00:00:00,000 ERROR a.b: first\n")
            assert b'"first"' in following.stdout.readline()
            file.rename(file.with_name("broker.log.1"))
            file.write_text("no entry of ours\n")
            assert b'"no entry of ours"' in following.stdout.readline()
        finally:
            following.terminate()


def test_config_show(cli: Cli) -> None:
    (cli.installation.root / "config").mkdir(exist_ok=True)
    file = cli.installation.root / "config" / "config.toml"
    file.write_text('threads = 2\n[servers]\ngpu = "http://gpu:8000/v1"\n[server_keys]\ngpu = "sk-secret"\n')
    page = cli.ok("config", "show", "--origin", TABAGENT_PARALLEL="3")
    assert "sk-secret" not in page
    lines = {line.split()[0]: line for line in page.splitlines()}
    assert lines["threads"].endswith(f"= 2  # {file}")
    assert lines["parallel"].endswith("= 3  # TABAGENT_PARALLEL")
    assert lines["keep_alive_s"].endswith("= 300.0  # default")
    assert lines["servers"].endswith('= {"gpu" = "http://gpu:8000/v1"}  # ' + str(file))
    entries = {it["name"]: it for it in cli.json("config", "show", "--origin")}
    assert entries["threads"]["origin"] == {"kind": "file", "where": str(file)}
    assert entries["server_keys"]["value"] == {"gpu": "…"}
    assert cli.ok("config", "path").strip() == str(file)


def test_what_config_shows_is_a_config(cli: Cli, install: Callable[..., Installation]) -> None:
    """Its lines, put into a file, set the same."""
    page = cli.ok("config", "show", TABAGENT_SERVERS="gpu=http://gpu:8000/v1", TABAGENT_THREADS="2")
    other = Cli(install())
    (other.installation.root / "config").mkdir()
    ours = [line for line in page.splitlines() if not line.startswith("config_dir")]
    (other.installation.root / "config" / "config.toml").write_text("\n".join(ours))
    for name in list(other.environ):
        if name.startswith("TABAGENT_") and name != "TABAGENT_CONFIG_DIR":
            del other.environ[name]

    def values(page: str) -> list[str]:
        return [line for line in page.splitlines() if not line.startswith("config_dir")]

    assert values(other.ok("config", "show")) == ours


def test_a_server_says_where_it_listens(cli: Cli) -> None:
    with cli.start("serve", "--port", "0", "--json") as serving:
        assert serving.stdout is not None
        try:
            told: dict[str, Any] = json.loads(serving.stdout.readline())
            assert told["url"].startswith("http://127.0.0.1:")
            assert os.stat(told["token_file"]).st_mode & 0o077 == 0
            second = cli("serve", "--port", told["url"].rsplit(":", 1)[1])
            assert second.returncode == exit_status.FAILED
            assert second.stderr.startswith("error cannot_serve: port ")
            assert f"TabAgent serves already (process {serving.pid})" in second.stderr
        finally:
            serving.terminate()


def test_why_nothing_is_served_is_an_error_as_any(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        arguments = ("serve", "--port", str(other.getsockname()[1]))
        assert "is taken by another program" in cli(*arguments).stderr
        (event,) = cli.lines(*arguments)
    assert (event["event"], event["error"]["code"]) == ("error", "cannot_serve")
    beyond = cli("serve", "--port", "0", "--host", "0.0.0.0")
    assert beyond.returncode == exit_status.FAILED
    assert beyond.stderr.startswith("error cannot_serve: http_host 0.0.0.0 can be reached by others")


def test_bench_measures_an_engine(shared_cli: Cli) -> None:
    counts = ("--prompt-tokens", "32", "--answer-tokens", "8", "--repeats", "1")
    last = shared_cli.lines("bench", MODEL, "--engine", "llama_cpp", *counts)[-1]
    assert last["event"] == "done", last
    result = last["result"]
    RESULTS["bench_model"].model_validate(result, extra="forbid")
    (speed,) = result["measurements"]
    assert speed["engine"] == "llama_cpp"
    assert not speed["recorded"], "these are not the counts that auto goes by"
    head, row, *_ = shared_cli.ok("bench", MODEL, "--engine", "llama_cpp", *counts).splitlines()
    assert head.startswith("ENGINE")
    assert row.startswith("llama_cpp ")
