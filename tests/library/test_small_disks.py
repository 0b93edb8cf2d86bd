"""Row S15: a full or read-only disk is named as such, with its path, wherever something is written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from backends.contract import EngineError
from backends.derived_models import derived
from tabagent_harness import HostProcess
from tabagent_harness.http_process import HttpProcess
from tests.cli.terminal import Cli
from tests.fake_hub import FakeHub, Repository
from tests.library.pulling import FILE, REPO, listed, pull, tiny
from tests.small_disks import SmallDisk, small_disk
from tests.support import Installation


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    """Mount at a short path: a socket's path has 107 bytes at most."""
    with TemporaryDirectory(prefix="tabagent-test-") as folder, small_disk(Path(folder) / "disk") as mounted:
        yield mounted


@pytest.fixture
def host(puller: Installation, hub: FakeHub, disk: SmallDisk) -> Iterator[HostProcess]:
    """A host whose hub cache is on the disk."""
    hub.repositories[REPO] = Repository({FILE: tiny(400), "config.json": b"{}"})
    puller.environ["HF_HOME"] = str(disk.path)
    with puller.host() as process:
        yield process


def is_error(answer: dict[str, Any], code: str, below: Path) -> None:
    """Check an error's code, and that it names a path below the folder in words and in its details."""
    assert answer["event"] == "error", answer
    error = answer["error"]
    assert error["code"] == code, error
    assert error["details"]["path"].startswith(str(below)), error
    assert str(below) in error["message"] or "resume" in error["message"], error


def test_s15_a_download_at_every_free_file(host: HostProcess, disk: SmallDisk) -> None:
    """With room for 0, 1, 2 … files another step fails each time: folders, locks, blobs, staging, links, references."""
    places = []
    for files in range(40):
        for entry in disk.path.iterdir():
            shutil.rmtree(entry)
        disk.allow(files)
        answer = pull(host)
        if answer["event"] == "done":
            break
        is_error(answer, "disk_full", disk.path)
        places.append(answer["error"]["details"]["path"])
    assert answer["event"] == "done", places
    for part in ("/blobs", "/.locks/", "/snapshots/", "/refs", "/.tabagent-"):
        assert any(part in place for place in places), (part, places)


def test_s15_a_read_only_hub_cache(host: HostProcess, disk: SmallDisk, hub: FakeHub, puller: Installation) -> None:
    disk.make_read_only()
    is_error(pull(host), "config_unwritable", disk.path)
    disk.make_writable()
    name = pull(host)["result"]["model"]
    disk.make_read_only()
    assert listed(host) == [name]
    is_error(host.result("remove_model", model=name), "config_unwritable", disk.path)
    assert pull(host)["event"] == "done"  # nothing is missing
    hub.repositories[REPO].commit = "f" * 40  # links are
    is_error(pull(host), "config_unwritable", disk.path)
    with HttpProcess(puller) as http:
        answer = http.post("/api/pull", model=REPO, stream=False)
        assert (answer.status_code, answer.json()["code"]) == (500, "config_unwritable")
    disk.make_writable()
    assert pull(host)["event"] == "done"


def test_s15_a_read_only_folder_of_models(tabagent: Installation, disk: SmallDisk) -> None:
    tabagent.environ["TABAGENT_MODEL_DIRS"] = str(disk.path)
    (disk.path / "mine.gguf").write_bytes(tiny(400))
    with tabagent.host() as host:
        disk.make_read_only()
        is_error(host.result("remove_model", model="mine"), "config_unwritable", disk.path)
        disk.make_writable()
        assert host.result("remove_model", model="mine")["event"] == "done"


@pytest.mark.parametrize("folder", ["STATE", "RUNTIME", "HOME"])
@pytest.mark.parametrize("code", ["disk_full", "config_unwritable"])
def test_s15_the_background_process(tabagent: Installation, disk: SmallDisk, folder: str, code: str) -> None:
    """It says which disk keeps it from starting, on every way to it, and starts once that is mended."""
    for name in ("STATE", "RUNTIME", "CACHE", "CONFIG", "DATA") if folder == "HOME" else (folder,):
        tabagent.environ[f"TABAGENT_{name}_DIR"] = str(disk.path / name)
    if code == "disk_full":
        disk.allow(0)
    else:
        disk.make_read_only()
    command = Cli(tabagent)
    with tabagent.host() as host:
        is_error(host.result("hello"), code, disk.path)
        done = command("list")
        assert done.stderr.startswith(f"error {code}: ")
        assert str(disk.path) in done.stderr
        if folder == "STATE":
            with HttpProcess(tabagent, http_token_file=token(tabagent)) as http:
                answer = http.client.get("/api/tags")
                assert (answer.status_code, answer.json()["code"]) == ({"disk_full": 507}.get(code, 500), code)
        disk.make_writable()
        assert host.result("hello")["event"] == "done"


def token(installation: Installation) -> str:
    path = installation.root / "token"
    path.touch(0o600)
    path.write_text("t" * 40)
    return str(path)


@pytest.mark.parametrize("command", ["serve", "install"])
def test_s15_commands_that_write(tabagent: Installation, disk: SmallDisk, command: str) -> None:
    for name in ("CONFIG", "DATA", "STATE"):
        tabagent.environ[f"TABAGENT_{name}_DIR"] = str(disk.path / name)
    cli = Cli(tabagent)
    (cli.home / ".config/google-chrome").mkdir()
    disk.make_read_only()
    done = cli(command)
    assert done.returncode not in (0, None)
    assert f"{disk.path}/" in done.stderr
    assert "Traceback" not in done.stderr
    disk.allow(0)
    assert f"{disk.path}/" in cli(command).stderr


def test_s15_what_engines_make(disk: SmallDisk, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    disk.path.joinpath("derived").mkdir()

    def make(folder: Path) -> None:
        (folder / "one").write_bytes(b"1")

    for files in range(3):
        disk.allow(files)
        with pytest.raises(EngineError) as full:
            derived(source, disk.path, make)
        assert (full.value.code, full.value.details) == ("disk_full", {"path": str(disk.path / "derived")})
        assert list((disk.path / "derived").iterdir()) == []
    disk.make_read_only()
    with pytest.raises(EngineError) as refused:
        derived(source, disk.path, make)
    assert refused.value.code == "config_unwritable"
    disk.allow(3)
    assert (derived(source, disk.path, make) / "one").read_bytes() == b"1"
