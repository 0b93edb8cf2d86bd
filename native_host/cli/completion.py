"""What the shell offers after Tab. A broker that runs is asked, none is started, and failing is silent."""

from __future__ import annotations

import asyncio

from native_host.settings import load_settings
from native_host.transports.broker_client import BrokerClient

LIMIT_S = 3.0


def models(incomplete: str) -> list[str]:
    """Names of models."""
    try:
        listed = asyncio.run(_listed())
    except Exception:  # noqa: BLE001  # a message here would land in the user's command
        return []
    return [name for name in listed if name.startswith(incomplete)]


async def _listed() -> list[str]:
    client = BrokerClient(load_settings())
    result = await asyncio.wait_for(client.result_if_running("list_models"), LIMIT_S)
    return [model["name"] for model in result["models"]] if result else []
