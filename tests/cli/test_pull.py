"""``tabagent pull`` from a hub on loopback: bars, events, interruption and continuation."""

from __future__ import annotations

import json
import random
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from native_host.cli import exit_status
from tests.cli.terminal import Cli
from tests.fake_hub import FakeHub, Fault, Repository
from tests.library.pulling import tiny
from tests.made_models import gguf
from tests.support import Installation, eventually

REPO, FILE = "org/slow-GGUF", "slow-Q4_0.gguf"
SIZE = 4_000_000


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as running:
        weights = random.Random(1).randbytes(SIZE)
        content = gguf([("t", [SIZE // 4], 0, weights)], general__architecture="chaos")
        running.repositories[REPO] = Repository({FILE: content})
        running.faults[FILE] = Fault(delay_s=0.05)
        yield running


@pytest.fixture
def puller(install: Callable[..., Installation], hub: FakeHub) -> Cli:
    return Cli(install(hub_endpoint=hub.url))


def test_a_bar_with_rate_and_time_left(puller: Cli) -> None:
    with puller.on_terminal("pull", REPO) as terminal:
        terminal.expect(r"downloading slow-Q4_0\.gguf [^\r]+ [kM]B / 4\.0 MB +[\d.]+ [kM]?B/s +\d+s left")
        terminal.expect(r"org/slow-GGUF\S* is here, 4\.0 MB")
        assert terminal.end() == 0


def test_s1_a_name_cannot_mark_up_the_bar(puller: Cli, hub: FakeHub) -> None:
    """Brackets in a file's name are shown as they are."""
    file = "[][red]m[link=httpsx]-Q4_0.gguf"
    hub.repositories[REPO] = Repository({file: tiny(2_000_000)})
    hub.faults[file] = Fault(delay_s=0.05)
    with puller.on_terminal("pull", REPO) as terminal:
        terminal.expect(r"downloading \[\]\[red\]m\[link=httpsx\]-Q4_0\.gguf")
        terminal.expect(r"org/slow-GGUF\S* is here")
        assert terminal.end() == 0


def test_s1_a_hub_s_text_in_json_cannot_steer_the_terminal(puller: Cli, hub: FakeHub) -> None:
    task = "\x1b[2J\x9b2J\u202eabc\u2028"
    hub.repositories[REPO].metadata = {"pipeline_tag": task}
    done = puller("detect", REPO, "--json")
    assert json.loads(done.stdout)["task"] == task
    assert done.stdout.replace("\n", "").isprintable()


def test_a_pipe_gets_the_result_alone(puller: Cli, hub: FakeHub) -> None:
    hub.faults.clear()
    done = puller("pull", REPO)
    assert done.stdout.endswith(" is here, 4.0 MB\n")
    assert done.stdout.count("\n") == 1
    assert "downloading" not in done.stderr


def test_events_as_json(puller: Cli) -> None:
    *progress, last = puller.lines("pull", REPO)
    assert last["event"] == "done"
    downloading = [event for event in progress if event["stage"] == "downloading"]
    assert downloading
    assert [event["done"] for event in downloading] == sorted(event["done"] for event in downloading)
    assert any(event["bytes_per_second"] for event in downloading)


def test_ctrl_c_keeps_what_came(puller: Cli, hub: FakeHub) -> None:
    folder = Path(puller.installation.environ["HF_HOME"]) / "hub"
    with puller.start("pull", REPO) as pulling:
        eventually(lambda: [it for it in folder.glob("*/blobs/*.part") if it.stat().st_size > 300_000])
        pulling.send_signal(signal.SIGINT)
        assert pulling.wait(10) == exit_status.INTERRUPTED
        assert pulling.stderr is not None
        assert pulling.stderr.read() == b""
    assert REPO not in puller.ok("list")
    asked = hub.downloads(FILE)
    assert "is here" in puller.ok("pull", REPO)
    ranges = [headers.get("range", "") for path, headers in hub.requests if path.endswith(FILE)][asked:]
    assert ranges
    assert all(re.fullmatch(r"bytes=[1-9]\d*-", it) for it in ranges), "it went on where it stopped"


def test_a_hub_that_is_not_there(install: Callable[..., Installation]) -> None:
    done = Cli(install(hub_endpoint="http://127.0.0.1:9"))("pull", REPO)
    assert done.returncode == exit_status.TRY_LATER
    assert "error hub_unavailable: " in done.stderr
    assert "Is there a network?" in done.stderr


def test_h2_a_gated_repository(puller: Cli, hub: FakeHub) -> None:
    hub.repositories[REPO].metadata = {"gated": "manual"}
    hub.faults[FILE] = Fault(statuses=[403])
    assert "error gated: " in puller("pull", REPO).stderr
    assert hub.downloads(FILE) == 0
    puller.installation.stop()
    puller.environ["HF_TOKEN"] = "hf_secret"
    assert "error gated: " in puller("pull", REPO).stderr
    assert hub.downloads(FILE) == 1
    assert "is here" in puller.ok("pull", REPO)
