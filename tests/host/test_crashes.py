"""Rows F31-F33: a worker that dies, hangs or floods costs its own requests and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.support import Installation, eventually


@pytest.mark.parametrize(
    ("fault", "signal_name", "exit_code"),
    [("abort", "SIGABRT", None), ("segv", "SIGSEGV", None), ("kill", "SIGKILL", None), ("exit", None, 0)],
)
@pytest.mark.parametrize("phase", ["load", "generate"])
def test_f31_a_worker_that_dies(
    tabagent: Installation, fault: str, signal_name: str | None, exit_code: int | None, phase: str
) -> None:
    dying = tabagent.chaos_model("dying", **({"fault": fault} if phase == "load" else {}))
    prompt = json.dumps({"tokens": 10, "fault": fault, "at": 3})
    healthy = tabagent.chaos_model("healthy")
    with tabagent.host() as host:
        host_pid, broker_pid = host.process.pid, host.result("status")["result"]["pid"]
        bystander = host.send("generate", prompt=json.dumps({"tokens": 40, "interval_ms": 20}), **healthy)
        others = [host.send("generate", prompt=json.dumps({"tokens": 999, "interval_ms": 9}), **dying)] * (
            phase != "load"
        )
        next(host.events(bystander))
        errors = [host.result("generate", prompt=prompt, **dying, timeout_s=30)]
        errors += [list(host.events(other, timeout_s=30))[-1] for other in others]
        for event in errors:
            error = event["error"]
            assert error["code"] == "engine_crashed"
            assert error["details"]["phase"] == phase
            assert error["details"].get("signal") == signal_name
            assert error["details"].get("exit_code") == exit_code
            assert error["retryable"] is True
        assert list(host.events(bystander))[-1]["event"] == "done"
        assert (host.process.pid, host.result("status")["result"]["pid"]) == (host_pid, broker_pid)


def test_f31_the_next_request_works(tabagent: Installation) -> None:
    model = tabagent.chaos_model()
    with tabagent.host() as host:
        prompt = json.dumps({"tokens": 5, "fault": "abort", "at": 1})
        assert host.result("generate", prompt=prompt, **model)["error"]["code"] == "engine_crashed"
        assert host.result("generate", prompt='{"tokens": 2}', **model)["result"]["text"] == "0 1 "


def test_f31_quarantine_until_the_user_loads_again(tabagent: Installation) -> None:
    model = tabagent.chaos_model()
    prompt = json.dumps({"fault": "abort"})
    with tabagent.host() as host:
        codes = [host.result("generate", prompt=prompt, **model)["error"]["code"] for _ in range(5)]
        assert codes == ["engine_crashed"] * 4 + ["engine_quarantined"]
        other = tabagent.chaos_model("other")
        assert host.result("generate", prompt="{}", **other)["event"] == "done"
        assert host.result("load_model", model=model["model"], engine="chaos")["event"] == "done"
        assert host.result("generate", prompt="{}", **model)["event"] == "done"


def test_f32_a_worker_that_hangs(install: Callable[..., Installation]) -> None:
    tabagent = install(generation_stall_s=1, load_stall_s=1)
    model = tabagent.chaos_model()
    hanging = tabagent.chaos_model("hanging", fault="hang")
    with tabagent.host() as host:
        prompt = json.dumps({"tokens": 5, "fault": "hang", "at": 1})
        assert host.result("generate", prompt=prompt, **model)["error"]["code"] == "engine_timeout"
        assert host.result("generate", prompt="{}", **model)["event"] == "done"
        assert host.result("load_model", model="hanging", engine=hanging["engine"])["error"]["code"] == "engine_timeout"


def test_f32_a_prefill_that_hangs_and_one_that_is_only_slow(install: Callable[..., Installation]) -> None:
    tabagent = install(generation_stall_s=3)
    model = tabagent.chaos_model()
    with tabagent.host() as host:
        assert host.result("generate", prompt='{"tokens": 1, "interval_ms": 5000}', **model)["event"] == "done"
        stuck = '{"tokens": 1, "interval_ms": 60000, "stuck": true}'
        assert host.result("generate", prompt=stuck, **model)["error"]["code"] == "engine_timeout"


def test_f33_a_worker_that_floods_its_stderr(tabagent: Installation) -> None:
    model = tabagent.chaos_model()
    with tabagent.host() as host:
        prompt = json.dumps({"tokens": 5, "fault": "flood", "at": 1})
        assert host.result("generate", prompt=prompt, **model)["event"] == "done"
        prompt = json.dumps({"tokens": 5, "fault": "abort", "at": 1})
        error = host.result("generate", prompt=prompt, **model)["error"]
        assert len(error["details"]["stderr"]) <= 2048


@pytest.mark.parametrize(("fault", "code"), [("error", "generation_failed"), ("defect", "generation_failed")])
def test_an_engine_that_raises_stays_loaded(tabagent: Installation, fault: str, code: str) -> None:
    model = tabagent.chaos_model()
    with tabagent.host() as host:
        host.result("load_model", model=model["model"], engine="chaos")
        pid = host.result("status")["result"]["models"][0]["pid"]
        prompt = json.dumps({"tokens": 5, "fault": fault, "at": 1})
        assert host.result("generate", prompt=prompt, **model)["error"]["code"] == code
        assert host.result("status")["result"]["models"][0]["pid"] == pid


def test_an_engine_that_raises_while_loading_has_failed_to_load(tabagent: Installation) -> None:
    model = tabagent.chaos_model(fault="defect")
    with tabagent.host() as host:
        error = host.result("load_model", **model)["error"]
        assert (error["code"], error["message"]) == ("load_failed", "RuntimeError: chaos has a defect")
        assert host.result("generate", prompt="x", **model)["error"]["code"] == "load_failed"


def test_a_load_that_nobody_waits_for_any_more_is_ended(tabagent: Installation) -> None:
    slow = tabagent.chaos_model("slow", interval_ms=2000)
    with tabagent.host() as host:
        load = host.send("load_model", model="slow", engine=slow["engine"])
        eventually(lambda: [m["state"] for m in host.result("status")["result"]["models"]] == ["loading"])
        host.result("cancel", target=load)
        assert list(host.events(load))[-1]["event"] == "cancelled"
        eventually(lambda: host.result("status")["result"]["models"] == [])
