"""The launcher's text: the script that browsers start. Opens no file.

Browsers start hosts with whatever environment they have, often with hardly a PATH, so the script names the Python of
the environment TabAgent is installed in by its absolute path (as given, for resolving it would leave the virtual
environment) and uses nothing but the shell's own ``exec`` and ``export``. ``-I`` keeps PYTHON* variables and the
working directory from changing what is imported.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection
from pathlib import Path

_HEADER = "#!/bin/sh\n# Written by `tabagent install`; the next one overwrites it, `tabagent uninstall` removes it.\n"
_EXPORT = "export TABAGENT_EXTENSION_IDS="
_MODULE = "native_host.host"


def render(interpreter: Path, extension_ids: Collection[str]) -> bytes:
    """A POSIX shell script that becomes the host process.

    ``extension_ids`` are those allowed beside the built-in ones; the host reads them from TABAGENT_EXTENSION_IDS.
    """
    export = f"{_EXPORT}{shlex.quote(','.join(extension_ids))}\n" if extension_ids else ""
    text = f'{_HEADER}{export}exec {shlex.quote(str(interpreter))} -I -m {_MODULE} "$@"\n'
    return text.encode("utf-8", "surrogateescape")


def interpreter_of(content: bytes) -> Path | None:
    """The interpreter that a launcher of ours would start; None where it is not one."""
    try:
        words = shlex.split(content.decode("utf-8", "surrogateescape"), comments=True)
        return Path(words[words.index("exec") + 1])
    except (ValueError, IndexError):
        return None


def is_product(content: bytes) -> bool:
    """Whether ``content`` is byte for byte something this version writes."""
    interpreter = interpreter_of(content)
    return interpreter is not None and render(interpreter, _exported_ids(content)) == content


def _exported_ids(content: bytes) -> tuple[str, ...]:
    text = content.decode("utf-8", "surrogateescape")
    exports = [line.removeprefix(_EXPORT) for line in text.splitlines() if line.startswith(_EXPORT)]
    return tuple("".join(shlex.split(exports[0])).split(",")) if exports else ()
