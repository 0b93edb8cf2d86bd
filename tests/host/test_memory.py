"""Row F34: a worker without memory is told apart from one that crashes, and the system ends it before the broker."""

from __future__ import annotations

import contextlib
import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tabagent_harness import HostProcess
from tests.support import Installation, Process, eventually

CGROUPS = Path("/sys/fs/cgroup")
LIMIT_FILES = {"memory/memory.limit_in_bytes": "memory", "memory.max": ""}
ROOM = 64 * 2**20
TOO_MUCH = 2**30


def worker_pid(host: HostProcess) -> int:
    return int(host.result("status")["result"]["models"][0]["pid"])


def ask_for_memory(host: HostProcess, model: dict[str, str], fault: str) -> dict[str, Any]:
    prompt = json.dumps({"tokens": 9, "fault": fault, "at": 2, "bytes": TOO_MUCH})
    error: dict[str, Any] = host.result("generate", prompt=prompt, **model)["error"]
    return error


def assert_says_what_to_do(error: dict[str, Any]) -> None:
    assert (error["code"], error["retryable"]) == ("out_of_memory", True)
    assert "smaller model or context" in error["message"]
    assert error["details"]["available_bytes"] > 0


@pytest.mark.parametrize(("fault", "survives"), [("allocate", True), ("allocate natively", False)])
def test_f34_a_limit_on_the_address_space(tabagent: Installation, fault: str, survives: bool) -> None:
    """Python raises; what C++ throws ends the process."""
    model = tabagent.chaos_model()
    with tabagent.host() as host:
        broker = host.result("status")["result"]["pid"]
        host.result("load_model", **model)
        worker = worker_pid(host)
        size = int(Path(f"/proc/{worker}/statm").read_text().split()[0]) * resource.getpagesize()
        resource.prlimit(worker, resource.RLIMIT_AS, (size + ROOM + 300 * 2**20, resource.RLIM_INFINITY))
        assert_says_what_to_do(ask_for_memory(host, model, fault))
        assert host.result("generate", prompt='{"tokens": 2}', **model)["result"]["text"] == "0 1 "
        assert (worker_pid(host) == worker) is survives
        assert host.result("status")["result"]["pid"] == broker


def test_f34_the_system_ends_the_worker_first(tabagent: Installation) -> None:
    with tabagent.host() as host:
        host.result("load_model", **tabagent.chaos_model())
        scores = {
            name: int(Path(f"/proc/{pid}/oom_score_adj").read_text())
            for name, pid in {
                "host": host.process.pid,
                "broker": host.result("status")["result"]["pid"],
                "worker": worker_pid(host),
            }.items()
        }
    assert scores["worker"] == 500
    assert scores["worker"] > max(scores["broker"], scores["host"])


def limited_group(pid: int, limit: int) -> Path | None:
    """Move a process into a control group of its own; None where that cannot be done."""
    for file, controller in LIMIT_FILES.items():
        group = CGROUPS / controller / f"tabagent-test-{pid}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / Path(file).name).write_text(str(limit))
            (group / "cgroup.procs").write_text(str(pid))
        except OSError:
            group.rmdir()
        else:
            return group
    return None


@contextlib.contextmanager
def memory_limit(pid: int, limit: int) -> Iterator[None]:
    """Limit a process's memory until it has ended."""
    group = limited_group(pid, limit)
    if group is None:
        pytest.skip("control groups cannot be made here")
    try:
        yield
    finally:
        eventually(lambda: not (group / "cgroup.procs").read_text().split())
        group.rmdir()


def test_f34_the_system_runs_out_of_memory(tabagent: Installation) -> None:
    model = tabagent.chaos_model()
    with tabagent.host() as host:
        host.result("load_model", **model)
        worker = worker_pid(host)
        with memory_limit(worker, Process(worker).rss + ROOM):
            assert_says_what_to_do(ask_for_memory(host, model, "allocate"))
        assert host.result("generate", prompt='{"tokens": 2}', **model)["result"]["text"] == "0 1 "
        assert worker_pid(host) != worker
