"""A process that renders chat templates, because a template is a program that came with the model.

Jinja's immutable sandbox keeps it from Python's objects, this process's limits keep it from the machine's memory, and
the parent ends the process when it takes too long. The argument is the descriptor of a pipe whose other end the parent
holds: the kernel ends this process when that end closes. Frames on stdin and stdout; one request, one answer:

    → {"template", "conversations": [{"messages": [{"role", "content"}, …], …}, …], "variables": {…}}
    ← {"texts": ["…", …]}  or  {"error": "…", "limit": true | false}
    → {"template", "names": true}     the names of the variables that it reads
    ← {"names": ["…", …]}
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import select
import signal
import sys
from functools import lru_cache
from typing import Any

from jinja2 import Template, meta

from backends.conversation.template_environment import DEFAULTS, environment
from native_host.protocol.framing import FrameDecoder, encode_frame

MEMORY_BYTES = 256 * 1024 * 1024
OWN_LIMIT_S = 30.0
READ_SIZE = 64 * 1024
MOST_CHARACTERS = 32 * 1024 * 1024
"""Characters of a prompt. A request has 16 MiB, which a template may write as JSON within JSON."""
MOST_CHARACTERS_OF_AN_ERROR = 500


def main() -> None:
    """Answer requests until end of file."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _end_with_parent(int(sys.argv[1]))
    decoder = FrameDecoder()
    while data := os.read(0, READ_SIZE):
        decoder.receive_data(data)
        while isinstance(request := decoder.next_event(), bytes):
            signal.setitimer(signal.ITIMER_REAL, OWN_LIMIT_S)  # ends this process if it cannot watch its parent
            answer = _answer(json.loads(request))
            signal.setitimer(signal.ITIMER_REAL, 0)
            _write(encode_frame(json.dumps(answer).encode()))


def _end_with_parent(pipe: int) -> None:
    """Have the kernel end this process when ``pipe`` closes, also in the middle of a long computation.

    ``PR_SET_PDEATHSIG`` would not do: it follows the thread that started this process, not the parent's process. Nor
    would stdin: SIGIO, whose default action is to terminate, announces data too, and may do so after it was read.
    """
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    poll = select.poll()
    poll.register(pipe, 0)
    if poll.poll(0):  # closed before the kernel was asked
        os._exit(0)


def _write(data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(1, left) :]


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        if request.get("names"):
            return {"names": sorted(_names_read(request["template"]))}
        template = _compile(request["template"])
        given = {**DEFAULTS, **request["variables"]}
        texts = [_text(template.render({**given, **conversation})) for conversation in request["conversations"]]
    except MemoryError:
        return {"error": "it needs too much memory", "limit": True}
    except RecursionError:
        return {"error": "it recurses too deeply", "limit": True}
    except Exception as error:  # noqa: BLE001  # a template is a program, and so is what it is compiled to
        return {"error": f"{type(error).__name__}: {_words_of(error)}", "limit": False}
    if max(map(len, texts), default=0) > MOST_CHARACTERS:
        return {"error": f"it writes more than {MOST_CHARACTERS:,} characters", "limit": True}
    return {"texts": texts}


def _text(rendered: str) -> str:
    """Return what a template wrote as text that UTF-8 can hold: lone surrogates are replaced."""
    try:
        rendered.encode()
    except UnicodeEncodeError:
        return rendered.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return rendered


def _words_of(error: Exception) -> str:
    """Return an error's text without line breaks and control characters, which would reach logs and terminals."""
    try:
        text = str(error)[:MOST_CHARACTERS_OF_AN_ERROR]
    except (MemoryError, RecursionError, ValueError):  # it has an object of the template's for a text
        return ""
    return "".join(character if character.isprintable() else " " for character in text)


def _names_read(source: str) -> set[str]:
    """Return the variables that a template looks up in what it is given, not those that it sets itself."""
    jinja = environment()
    return meta.find_undeclared_variables(jinja.parse(source))


@lru_cache(maxsize=4)
def _compile(source: str) -> Template:
    return environment().from_string(source)


if __name__ == "__main__":
    main()
