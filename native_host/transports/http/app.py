"""The application behind the guard: all dialects, one service, and errors in each dialect's own shape."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from native_host import __version__
from native_host.protocol.errors import ErrorCode, TabAgentError
from native_host.protocol.messages.base import build_validators
from native_host.protocol.messages.validation import first_error
from native_host.transports.http import anthropic, ollama, openai, own
from native_host.transports.http.admission import HEALTH
from native_host.transports.http.documentation import add_documentation
from native_host.transports.http.failures import Failure, body, defect
from native_host.transports.http.service import Service
from native_host.transports.http.strict_route import UnreadableBody

_CODES = {404: "not_found", 405: "method_not_allowed"}


def application(service: Service) -> FastAPI:
    """Every route. Put a guard before it."""
    build_validators()
    app = FastAPI(
        title="TabAgent",
        version=__version__,
        description="Local AI over HTTP. Every route but `/healthz` needs the token: `Authorization: Bearer TOKEN`.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )

    @app.get(HEALTH, tags=["Health"], summary="Whether it runs.")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    dialects = (*openai.routes(service), anthropic.routes(service), *ollama.routes(service))
    for router in (own.routes(service), *dialects):
        app.include_router(router)
    add_documentation(app)
    app.add_exception_handler(Failure, _failed)
    app.add_exception_handler(TabAgentError, _failed)
    app.add_exception_handler(RequestValidationError, _failed)
    app.add_exception_handler(HTTPException, _failed)
    app.add_exception_handler(Exception, _failed)  # Starlette answers with it and raises; the guard logs it
    return app


async def _failed(request: Request, error: Exception) -> JSONResponse:
    failure = as_failure(error)
    return JSONResponse(body(failure, request.url.path), failure.status, failure.headers)


def as_failure(error: Exception) -> Failure:
    """What a handler or the router raised, as a failure."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, UnreadableBody):
        return error.failure
    if isinstance(error, TabAgentError):
        return Failure.of(error)
    if isinstance(error, RequestValidationError):
        path, what = first_error(error.errors(), {"body": error.body})
        path = path.removeprefix("body").removeprefix(".")
        return Failure(400, ErrorCode.BAD_PARAM.value, f"{path or 'body'}: {what}.", details={"path": path})
    if not isinstance(error, HTTPException):
        return defect()
    code = _CODES.get(error.status_code, "bad_request")
    return Failure(error.status_code, code, str(error.detail), headers=error.headers)
