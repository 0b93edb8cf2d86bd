"""A process that renders chat templates, because a template is a program that came with the model.

Jinja's immutable sandbox keeps it from Python's objects, this process's limits keep it from the machine's memory, and
the parent ends the process when it takes too long. Frames on stdin and stdout; one request, one answer:

    → {"template", "conversations": [{"messages": [{"role", "content"}, …], …}, …], "variables": {…}}
    ← {"texts": ["…", …]}  or  {"error": "…", "limit": true | false}
"""

from __future__ import annotations

import json
import os
import resource
import signal
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

from jinja2 import Template, TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from native_host.protocol.framing import FrameDecoder, encode_frame

MEMORY_BYTES = 256 * 1024 * 1024
OWN_LIMIT_S = 30.0
READ_SIZE = 64 * 1024


def main() -> None:
    """Answer requests until end of file."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    decoder = FrameDecoder()
    while data := os.read(0, READ_SIZE):
        decoder.receive_data(data)
        while isinstance(request := decoder.next_event(), bytes):
            signal.setitimer(signal.ITIMER_REAL, OWN_LIMIT_S)  # ends this process, should its parent have ended first
            answer = _answer(json.loads(request))
            signal.setitimer(signal.ITIMER_REAL, 0)
            _write(encode_frame(json.dumps(answer).encode()))


def _write(data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(1, left) :]


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        template = _compile(request["template"])
        texts = [template.render({**request["variables"], **conversation}) for conversation in request["conversations"]]
    except MemoryError:
        return {"error": "it needs too much memory", "limit": True}
    except RecursionError:
        return {"error": "it recurses too deeply", "limit": True}
    except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return {"error": f"{type(error).__name__}: {error}"[:500], "limit": False}
    return {"texts": texts}


@lru_cache(maxsize=4)
def _compile(source: str) -> Template:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = _now
    return environment.from_string(source)


def _to_json(value: Any, indent: int | None = None) -> str:
    """JSON without HTML escaping, as the templates of the hub expect it."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise(message: str) -> NoReturn:
    raise TemplateError(message)


def _now(pattern: str) -> str:
    return datetime.now().astimezone().strftime(pattern)


if __name__ == "__main__":
    main()
