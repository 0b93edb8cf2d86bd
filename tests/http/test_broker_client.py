"""The asyncio client of the broker: starts it, streams, cancels by leaving, and keeps slow readers to themselves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.settings import Settings, load_settings
from native_host.transports.broker_client import BrokerClient
from tests.support import Installation, eventually, processes

ENDLESS = json.dumps({"tokens": 10_000_000, "interval_ms": 1})
FLOOD = json.dumps({"tokens": 1_000_000, "text": "x" * 1024})


@pytest.fixture
def settings(tabagent: Installation, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """This process is one of the installation: a broker that it starts inherits its environment."""
    for name, value in tabagent.environ.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def run(settings: Settings, use: Callable[[BrokerClient], Coroutine[Any, Any, Any]]) -> Any:
    async def inside() -> Any:
        return await use(BrokerClient(settings))

    return asyncio.run(inside())


def active(status: dict[str, Any]) -> int:
    return sum(model["active_requests"] for model in status["models"])


def test_it_starts_the_broker_and_asks_many_things_at_once(settings: Settings) -> None:
    async def use(client: BrokerClient) -> list[dict[str, Any]]:
        assert await client.result_if_running("status") is None
        return await asyncio.gather(*(client.result("status") for _ in range(20)))

    answers = run(settings, use)
    assert len({answer["pid"] for answer in answers}) == 1


def test_events_come_in_order_and_end_with_the_result(settings: Settings, tabagent: Installation) -> None:
    model = tabagent.chaos_model()

    async def use(client: BrokerClient) -> list[dict[str, Any]]:
        async with client.request("generate", prompt=json.dumps({"tokens": 5}), **model) as events:
            return [event async for event in events]

    events = run(settings, use)
    text = "".join(event["text"] for event in events if event["event"] == "token")
    assert events[-1]["event"] == "done"
    assert events[-1]["result"]["text"] == text == "0 1 2 3 4 "


def test_an_error_is_raised_with_its_code(settings: Settings) -> None:
    async def use(client: BrokerClient) -> None:
        with pytest.raises(TabAgentError) as missing:
            await client.result("generate", model="no-such-model", prompt="x")
        assert missing.value.code == ErrorCode.MODEL_NOT_FOUND
        with pytest.raises(TabAgentError) as unknown:
            await client.result("no_such_action")
        assert unknown.value.code == ErrorCode.UNKNOWN_ACTION
        with pytest.raises(TabAgentError) as large:
            await client.result("tokenize", model="m", text="x" * 17_000_000)
        assert large.value.code == ErrorCode.REQUEST_TOO_LARGE
        with pytest.raises(TabAgentError) as broken:
            await client.result("tokenize", model="m", text="\ud800")
        assert broken.value.code == ErrorCode.BAD_JSON

    run(settings, use)


def test_leaving_early_cancels(settings: Settings, tabagent: Installation) -> None:
    model = tabagent.chaos_model()

    async def use(client: BrokerClient) -> None:
        async with client.request("generate", prompt=ENDLESS, **model) as events:
            async for event in events:
                if event["event"] == "token":
                    break

    run(settings, use)
    eventually(lambda: "chaos was cancelled" in tabagent.log())
    eventually(lambda: active(run(settings, lambda client: client.result("status"))) == 0)


def test_a_slow_reader_stalls_nobody_else(settings: Settings, tabagent: Installation) -> None:
    """It floods; nobody reads. The engine is paused, this process stays small, and others are answered meanwhile."""
    model = tabagent.chaos_model()
    here = os.getpid()

    async def use(client: BrokerClient) -> None:
        async with client.request("generate", prompt=FLOOD, **model) as events:
            await anext(events)
            before = next(it.rss for it in processes() if it.pid == here)
            other = await client.result("generate", prompt=json.dumps({"tokens": 50}), **model)
            assert other["text"].endswith("49 ")
            for _ in range(20):
                await client.result("status")
            after = next(it.rss for it in processes() if it.pid == here)
            assert after - before < 32 * 1024 * 1024

    run(settings, use)


def test_a_broker_that_dies_is_told_and_the_next_request_starts_another(
    settings: Settings, tabagent: Installation
) -> None:
    model = tabagent.chaos_model()

    async def use(client: BrokerClient) -> None:
        pid = (await client.result("status"))["pid"]
        async with client.request("generate", prompt=ENDLESS, **model) as events:
            while (await anext(events))["event"] != "token":
                pass
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(TabAgentError) as lost:
                [event async for event in events]
            assert lost.value.code == ErrorCode.BROKER_LOST
        assert (await client.result("status"))["pid"] != pid

    run(settings, use)


def test_a_broker_that_is_on_its_way_out_loses_nothing(settings: Settings) -> None:
    async def use(client: BrokerClient) -> None:
        for _ in range(5):
            pid = (await client.result("status"))["pid"]
            os.kill(pid, signal.SIGTERM)
            await asyncio.gather(*(client.result("hardware") for _ in range(4)))

    run(settings, use)


def test_a_broker_that_cannot_start_says_why(settings: Settings, tabagent: Installation) -> None:
    runtime = tabagent.root / "runtime"
    runtime.mkdir(mode=0o755)
    runtime.chmod(0o755)

    async def use(client: BrokerClient) -> None:
        with pytest.raises(TabAgentError) as unavailable:
            await client.result("status")
        assert unavailable.value.code == ErrorCode.BROKER_UNAVAILABLE
        assert "chmod 700" in unavailable.value.message

    run(settings, use)


def test_nothing_is_left_open(settings: Settings) -> None:
    async def use(client: BrokerClient) -> None:
        await client.result("status")
        for _ in range(50):
            await client.result("status")
        assert (await client.result("status"))["clients"] == 1
        descriptors = os.listdir("/proc/self/fd")
        await client.result("status")
        assert len(os.listdir("/proc/self/fd")) == len(descriptors)

    run(settings, use)
