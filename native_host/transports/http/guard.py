"""Before any route is looked up, in this order: Host, Origin, token, method and content type, size and time.

Raw ASGI, so nothing of a framework has touched a request that is refused here. What passes has its body whole in
memory; from then on the guard watches the connection, and a client that goes away cancels its request.
"""

from __future__ import annotations

import asyncio
import json
import logging
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from native_host.transports.http.access import Access
from native_host.transports.http.admission import Admission, Headers
from native_host.transports.http.failures import Failure, body, defect
from native_host.transports.http.slots import busy

BODY_LIMIT_S = 30.0
MAX_AUTHORISED = 256
"""Requests with a valid head that are read or answered at the same time."""

log = logging.getLogger(__name__)


class Guard:
    """An ASGI application around another one."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        *,
        max_body: int,
        body_limit_s: float = BODY_LIMIT_S,
    ) -> None:
        self._app = app
        self._admission = Admission(access)
        self._max_body = max_body
        self._body_limit_s = body_limit_s
        self._authorised = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # the server's own scope has HEAD: it sends no body
        answer = _Answer(send)
        headers = Headers(scope["headers"])
        if _announces_body(scope["method"], headers):  # one that nobody reads must not keep the connection open
            answer.headers["Connection"] = "close"
        try:
            self._admission.check(scope["method"], scope["path"], headers, answer.headers)
            await self._admitted(scope, headers, receive, answer)
        except Failure as failure:
            await answer.fail(failure, scope["path"])

    async def _admitted(self, scope: Scope, headers: Headers, receive: Receive, answer: _Answer) -> None:
        """Read and answer a request whose head is valid."""
        if self._authorised >= MAX_AUTHORISED:
            raise busy(f"{MAX_AUTHORISED} requests are open.", MAX_AUTHORISED)
        self._authorised += 1
        try:
            content = await self._body(scope["method"], headers, receive)
            answer.headers.pop("Connection", None)
            await self._serve(scope, content, receive, answer)
        finally:
            self._authorised -= 1

    async def _body(self, method: str, headers: Headers, receive: Receive) -> bytes:
        announced = headers.one("content-length")
        limit = 0 if method == "GET" else self._max_body
        too_large = Failure(
            413,
            "request_too_large",
            f"A body may have at most {limit:,} bytes.",
            details={"limit": limit},
        )
        if announced and (not announced.isdigit() or int(announced) > limit):
            raise too_large
        content = bytearray()
        try:
            async with asyncio.timeout(self._body_limit_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Failure(400, "client_gone", "The client left.")
                    content += message.get("body", b"")
                    if len(content) > limit:
                        raise too_large
                    if not message.get("more_body"):
                        return bytes(content)
        except TimeoutError:
            slow = f"The body did not arrive within {self._body_limit_s:.0f} s."
            raise Failure(408, "request_timeout", slow) from None

    async def _serve(self, scope: Scope, content: bytes, receive: Receive, answer: _Answer) -> None:
        gone = asyncio.Event()
        unread = [{"type": "http.request", "body": content, "more_body": False}]

        async def inbox() -> Message:
            if unread:
                return unread.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        work = asyncio.ensure_future(self._app(scope, inbox, answer.send))
        watch = asyncio.ensure_future(_until_gone(receive))
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                gone.set()
                work.cancel()
                await asyncio.wait({work})
            if not work.cancelled() and (error := work.exception()):
                if isinstance(error, Failure):
                    raise error
                log.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
                raise defect()
        finally:
            watch.cancel()
            work.cancel()


class _Answer:
    """The way back: headers that every answer has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._started = False
        self.headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}

    async def send(self, message: Message) -> None:
        """ASGI's send."""
        if message["type"] == "http.response.start":
            self._started = True
            ours = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in self.headers.items()]
            message = {**message, "headers": [*message.get("headers", []), *ours]}
        await self._send(message)

    async def fail(self, failure: Failure, path: str) -> None:
        """Answer with a failure, unless an answer has begun: then it breaks off, which a client sees."""
        if self._started:
            return
        content = b"" if failure.status == HTTPStatus.NO_CONTENT else json.dumps(body(failure, path)).encode()
        headers = {**failure.headers, **({"Content-Type": "application/json"} if content else {})}
        self.headers |= {**headers, "Content-Length": str(len(content))}
        await self.send({"type": "http.response.start", "status": failure.status})
        await self.send({"type": "http.response.body", "body": content})


def _announces_body(method: str, headers: Headers) -> bool:
    lengths = headers.all("content-length")
    return method != "GET" or bool(headers.all("transfer-encoding")) or lengths not in ([], ["0"])


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
