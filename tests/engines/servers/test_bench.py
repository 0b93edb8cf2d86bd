"""Models of servers are measured as any other; nothing is kept of them, for their bytes are nobody's to know."""

from __future__ import annotations

from tabagent_harness import HostProcess
from tests.engines.servers.asking import GENERATE
from tests.servers.brain import Script
from tests.servers.fake import Fault
from tests.servers.openai import FakeOpenAI
from tests.support import Installation

TYPICAL = {"model": "gpu/small", "repeats": 2}


def test_a_server_is_measured(host: HostProcess, tabagent: Installation, gpu: FakeOpenAI) -> None:
    gpu.brain = Script(interval_s=0.002)
    result = host.result("bench_model", **TYPICAL)["result"]
    assert result["auto_engine"] == "openai_compatible"
    (speed,) = result["measurements"]
    assert (speed["engine"], speed["recorded"]) == ("openai_compatible", False)
    assert 0 < speed["decode_tokens_per_second"] < 500
    prompts = [body["prompt"] for body in gpu.bodies(GENERATE)]
    assert len({prompt[:5] for prompt in prompts}) == 3, "what it has cached of one does not help with the next"
    assert [body["temperature"] for body in gpu.bodies(GENERATE)] == [0] * 3
    assert not (tabagent.root / "cache" / "speeds.json").exists()


def test_a_server_that_fails_is_told(host: HostProcess, gpu: FakeOpenAI) -> None:
    gpu.faults[GENERATE] = Fault(status=500, body=b'{"error": {"message": "no memory"}}')
    result = host.result("bench_model", **TYPICAL)["result"]
    assert result["measurements"] == []
    assert [(it["engine"], it["code"]) for it in result["failures"]] == [("openai_compatible", "generation_failed")]
