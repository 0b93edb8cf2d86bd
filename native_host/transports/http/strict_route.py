"""Bodies are read as strictly as frames are: no duplicate keys, no NaN, no UTF-16."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from native_host.protocol import strict_json
from native_host.protocol.errors import RemoteProtocolError
from native_host.transports.http.failures import Failure


class UnreadableBody(HTTPException):
    """A body that is no JSON of ours. FastAPI lets no other kind of exception through where it reads a body."""

    def __init__(self, error: RemoteProtocolError) -> None:
        self.failure = Failure.of(error)
        super().__init__(self.failure.status, self.failure.message)


class StrictRequest(Request):
    """A request whose JSON is read strictly."""

    async def json(self) -> Any:
        """The body."""
        try:
            return strict_json.loads_request(await self.body())
        except RemoteProtocolError as error:
            raise UnreadableBody(error) from error


class StrictRoute(APIRoute):
    """A route of strict requests."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI: what serves a request."""
        serve = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await serve(StrictRequest(request.scope, request.receive))

        return strictly
