"""Row F47: clocks that jump and a machine that was suspended end no request."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tabagent_harness.processes import Process
from tests.support import Installation, eventually, missing, processes

JUMPING_CLOCK = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Seconds that wall clocks are ahead: the size of the file JUMP, in days, back from a year. */
static long ahead(void) {
  struct stat entry;
  const char *path = getenv("JUMP");
  return path && !stat(path, &entry) ? (entry.st_size - 366) * 86400L : 0;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
  int status = syscall(SYS_clock_gettime, clock, now);
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += ahead();
  return status;
}
time_t time(time_t *now) {
  struct timespec moment;
  clock_gettime(CLOCK_REALTIME, &moment);
  if (now) *now = moment.tv_sec;
  return moment.tv_sec;
}
int gettimeofday(struct timeval *now, void *zone) {
  struct timespec moment;
  clock_gettime(CLOCK_REALTIME, &moment);
  now->tv_sec = moment.tv_sec;
  now->tv_usec = moment.tv_nsec / 1000;
  return 0;
}
"""


@pytest.fixture(scope="module")
def clock_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library to preload that moves wall clocks."""
    if shutil.which("gcc") is None:
        missing("gcc, for clocks that jump")
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-x", "c", "-", "-o", str(library)]
    subprocess.run(command, input=JUMPING_CLOCK.encode(), check=True)
    return library


@pytest.fixture
def jump(install: Callable[..., Installation], clock_library: Path) -> tuple[Installation, Path]:
    """An installation with short limits, and the file whose size moves its wall clocks."""
    tabagent = install(generation_stall_s=2, load_stall_s=2, keep_alive_s=600, idle_exit_s=600)
    file = tabagent.root / "jump"
    move(file, 0)
    tabagent.environ |= {"LD_PRELOAD": str(clock_library), "JUMP": str(file)}
    return tabagent, file


def move(file: Path, days: int) -> None:
    file.touch()
    os.truncate(file, 366 + days)


def ours(tabagent: Installation) -> list[Process]:
    runtime = tabagent.environ["TABAGENT_RUNTIME_DIR"]
    return [process for process in processes() if process.environ.get("TABAGENT_RUNTIME_DIR") == runtime]


@pytest.mark.parametrize("days", [366, -366], ids=["a year ahead", "a year back"])
def test_f47_a_wall_clock_that_jumps(jump: tuple[Installation, Path], days: int) -> None:
    tabagent, file = jump
    model = tabagent.chaos_model()
    program = ["python3", "-c", "import time; print(time.time())"]
    with tabagent.host() as host:
        broker = host.result("status")["result"]["pid"]
        events = host.ask("generate", prompt=json.dumps({"tokens": 30, "interval_ms": 50}), **model)
        next(event for event in events if event["event"] == "token")
        worker = host.result("status")["result"]["models"][0]
        move(file, days)
        shown = float(subprocess.run(program, env=tabagent.environ, capture_output=True, check=True).stdout)
        assert abs(shown - time.time() - days * 86400) < 60, "the clock did not jump"
        assert list(events)[-1]["event"] == "done"
        after = host.result("status")["result"]
        assert (after["pid"], after["models"][0]["pid"]) == (broker, worker["pid"])
        assert 0 < after["uptime_s"] < 600
        assert 0 < after["models"][0]["expires_in_s"] <= 600
        assert host.result("generate", prompt='{"tokens": 2}', **model)["event"] == "done"


@pytest.mark.parametrize("asleep", ["everything", "broker and host"])
def test_f47_a_machine_that_was_suspended(install: Callable[..., Installation], asleep: str) -> None:
    """Monotonic clocks go on during a suspension on some systems, as they do for processes that are stopped."""
    tabagent = install(generation_stall_s=1, load_stall_s=1)
    model = tabagent.chaos_model()
    with tabagent.host() as host:
        events = host.ask("generate", prompt=json.dumps({"tokens": 40, "interval_ms": 50}), **model)
        next(event for event in events if event["event"] == "token")
        worker = host.result("status")["result"]["models"][0]["pid"]
        stopped = [it.pid for it in ours(tabagent) if asleep == "everything" or it.pid != worker]
        assert len(stopped) >= 2
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(3)
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        last = list(events)[-1]
        assert last["event"] == "done", last
        assert host.result("status")["result"]["models"][0]["pid"] == worker


def test_f47_a_cancel_just_before_a_suspension(install: Callable[..., Installation]) -> None:
    """The worker obeys as soon as it runs again, and keeps its model."""
    tabagent = install(cancel_grace_s=2)
    model = tabagent.chaos_model()
    with tabagent.host() as host:
        asked = host.send("generate", prompt=json.dumps({"tokens": 999, "interval_ms": 50}), **model)
        events = host.events(asked)
        next(event for event in events if event["event"] == "token")
        worker = host.result("status")["result"]["models"][0]["pid"]
        os.kill(worker, signal.SIGSTOP)
        host.result("cancel", target=asked)
        broker = host.result("status")["result"]["pid"]
        os.kill(broker, signal.SIGSTOP)
        time.sleep(3)
        for pid in (broker, worker):
            os.kill(pid, signal.SIGCONT)
        assert list(events)[-1]["event"] == "cancelled"
        assert host.result("generate", prompt='{"tokens": 2}', **model)["event"] == "done"
        assert host.result("status")["result"]["models"][0]["pid"] == worker


def test_f47_a_worker_that_hangs_after_a_suspension_is_still_found(install: Callable[..., Installation]) -> None:
    tabagent = install(generation_stall_s=1)
    model = tabagent.chaos_model()
    with tabagent.host() as host:
        hanging = host.ask("generate", prompt=json.dumps({"tokens": 9, "fault": "hang", "at": 1}), **model)
        next(event for event in hanging if event["event"] == "token")
        stopped = [it.pid for it in ours(tabagent)]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(2)
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        assert list(hanging)[-1]["error"]["code"] == "engine_timeout"
        eventually(lambda: host.result("status")["result"]["models"] == [])
