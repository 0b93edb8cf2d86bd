"""The files that run when a browser starts the launcher. Reads the disk, writes nothing."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_MAX_LINE = 4096
_SHEBANG = b"#!"


def of(interpreter: Path) -> Iterator[Path]:
    """The interpreter, the interpreter of a wrapper script, and the folders of the code that they import.

    The code of another environment is found where virtual environments have it; that of this one is known exactly.
    """
    yield interpreter
    if (shell := _interpreter_of_script(interpreter)) is not None:
        yield shell
    environment = interpreter.parent.parent
    yield from (path for path in (environment / "pyvenv.cfg",) if path.exists())
    yield from sorted((environment / "lib").glob("python3*/site-packages"))
    if interpreter == Path(sys.executable):
        paths = sysconfig.get_paths()
        yield from sorted({Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
        yield _PACKAGE.parent / "native_host" / "host.py"


def _interpreter_of_script(program: Path) -> Path | None:
    try:
        with program.open("rb") as file:
            line = file.readline(_MAX_LINE)
    except OSError:
        return None
    words = line.removeprefix(_SHEBANG).split()
    if not (line.startswith(_SHEBANG) and words):
        return None
    return Path(words[0].decode("utf-8", "surrogateescape"))
