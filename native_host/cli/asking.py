"""Requests of the command line to the broker. Leaving one, by Ctrl-C too, closes its connection, which cancels it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from native_host.cli.progress import ProgressBars
from native_host.cli.terminal import Terminal
from native_host.transports.broker_client import BrokerClient

Event = dict[str, Any]


def ask(terminal: Terminal, action: str, **fields: Any) -> dict[str, Any]:
    """The result of a request.

    Raises:
        TabAgentError: it failed.
    """
    return asyncio.run(BrokerClient(terminal.settings).result(action, **fields))


def ask_if_running(terminal: Terminal, action: str, **fields: Any) -> dict[str, Any] | None:
    """As ``ask``; None where no broker runs, and none is started."""
    return asyncio.run(BrokerClient(terminal.settings).result_if_running(action, **fields))


def follow(
    terminal: Terminal, action: str, on_token: Callable[[Event], None] | None = None, **fields: Any
) -> dict[str, Any]:
    """The result of a request that tells how it goes: events as lines of JSON, or bars that leave nothing behind.

    Raises:
        TabAgentError: it failed.
    """
    return asyncio.run(_follow(terminal, action, on_token, fields))


async def _follow(
    terminal: Terminal, action: str, on_token: Callable[[Event], None] | None, fields: dict[str, Any]
) -> dict[str, Any]:
    client = BrokerClient(terminal.settings)
    result: dict[str, Any] = {}
    with ProgressBars(terminal) as bars:
        async with client.request(action, **fields) as events:
            async for event in events:
                if terminal.as_json:
                    terminal.json({name: value for name, value in event.items() if name != "id"}, line=True)
                elif event["event"] == "progress":
                    bars.show(event)
                elif event["event"] == "token" and on_token is not None:
                    bars.hide()
                    on_token(event)
                if event["event"] == "done":
                    result = event["result"]
    return result
