"""llama-cpp-python, which the registry has only as source: compiled once for this machine, not for each environment.

``python -m tests.compiled_engines`` installs it as uv.lock and pyproject.toml have it; ``uv sync`` then finds it there.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from tabagent_weights import made
from tabagent_weights.run import python

NAME = "llama-cpp-python"
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Install it, compiling it first where no cache has it."""
    (locked,) = [it for it in _toml("uv.lock")["package"] if it["name"] == NAME]
    wheels = made(f"{NAME}-{locked['version']}-{_machine()}", 2, lambda folder: _compile(locked, folder))
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--python", sys.executable]
    requirement = f"{NAME}=={locked['version']}"
    subprocess.run([*uv, "--no-deps", "--no-index", "--find-links", str(wheels), requirement], check=True)


def _compile(locked: dict[str, Any], folder: Path) -> None:
    settings = _toml("pyproject.toml")["tool"]["uv"]["config-settings-package"][NAME]
    settings |= {"cmake.define.CMAKE_PROJECT_llama_cpp_INCLUDE": str(ROOT / "tests" / "llama_cpp_python.cmake")}
    # pip gives settings of its command line to requirements of its command line only.
    options = [f'--config-settings="{key}={_text(value)}"' for key, value in settings.items()]
    requirement = [f"{NAME}=={locked['version']}", f"--hash={locked['sdist']['hash']}", *options]
    requirements = folder / "requirements.txt"
    requirements.write_text(" ".join(requirement) + "\n", encoding="utf-8")
    python("-m", "pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={folder}", f"--requirement={requirements}")
    requirements.unlink()


def _text(value: str | list[str]) -> str:
    """A list as scikit-build-core reads it from one setting."""
    return value if isinstance(value, str) else ";".join(value)


def _machine() -> str:
    """It is compiled for the CPU that is here."""
    flags = ""
    about = Path("/proc/cpuinfo")
    if about.exists():
        flags = next(
            (line for line in about.read_text().splitlines() if line.lower().startswith(("flags", "features"))), ""
        )
    return f"{platform.machine()}-{hashlib.sha256(flags.encode()).hexdigest()[:8]}"


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / name).read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
