"""The way from any dialect to the broker: names are checked, work takes a slot, errors become failures."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, Protocol

from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.transports.http.prompt_only import is_prompt_only, with_one_token, without_answer
from native_host.transports.http.slots import Slots
from native_host.transports.http.truncation import cut_to_fit

UNLIMITED = frozenset({"hello", "status", "hardware", "list_models", "unload_model"})
"""Actions that are answered however busy it is."""
ANSWERS = frozenset({"chat", "generate"})
"""Actions that write an answer."""
_NO_NAME = re.compile(r"[/\\~.]|[A-Za-z]:[\\/]|.*(?:://|\\|\x00|(?:^|/)\.\.(?:/|$))", re.DOTALL)


class Broker(Protocol):
    """What asks the broker; see ``native_host.transports.broker_client``."""

    def request(self, action: str, **fields: Any) -> Any:
        """The events of a request, as an asynchronous context."""


class Service:
    """Requests of HTTP clients."""

    def __init__(self, broker: Broker, slots: Slots) -> None:
        self._broker = broker
        self._slots = slots

    def slot(self) -> AbstractAsyncContextManager[None]:
        """A slot for several requests together; see ``Slots.one``."""
        return self._slots.one()

    @asynccontextmanager
    async def request(
        self, action: str, fields: dict[str, Any], *, has_slot: bool = False
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Events up to ``done``; leaving early cancels. ``has_slot``: the caller holds one.

        A ``chat`` with a field ``truncate`` leaves out its oldest turns if it does not fit; see ``truncation``.
        With ``max_tokens`` 0 the prompt is read and nothing is written; see ``prompt_only``.

        Raises:
            Failure: too many are being answered.
            TabAgentError: what the broker reports.
        """
        check_name(fields.get("model"))
        async with AsyncExitStack() as stack:
            if action not in UNLIMITED and not has_slot:
                await stack.enter_async_context(self._slots.one())
            yield await stack.enter_async_context(self._events(action, fields))

    def _events(self, action: str, fields: dict[str, Any]) -> AbstractAsyncContextManager[Any]:
        """Return the events of a request, whose fields may ask for more than the broker does."""
        if action in ANSWERS and is_prompt_only(fields):
            return aclosing(without_answer(self._events(action, with_one_token(fields))))
        if fields.get("truncate"):
            wanted = {name: value for name, value in fields.items() if name != "truncate"}
            return aclosing(cut_to_fit(lambda chat: self._broker.request(action, **chat), wanted))
        events: AbstractAsyncContextManager[Any] = self._broker.request(action, **fields)
        return events

    async def result(self, action: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result of a request. Raises as ``request`` does."""
        result: dict[str, Any] = {}
        async with self.request(action, fields or {}) as events:
            async for event in events:
                if event["event"] == "done":
                    result = event["result"]
        return result


def check_name(model: object) -> None:
    """Over HTTP a model is named; a path or an address is no name, whatever lies there.

    Raises:
        TabAgentError: ``model_not_found``.
    """
    if isinstance(model, str) and _NO_NAME.match(model):
        raise TabAgentError(
            ErrorCode.MODEL_NOT_FOUND,
            f"There is no model {model[:200]!r}. Over HTTP a model goes by its name; the list of models has them.",
            model=model[:200],
        )
