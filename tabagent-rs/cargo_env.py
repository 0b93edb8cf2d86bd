"""Run a command with the environment that building llama.cpp needs: ``python cargo_env.py -- cargo test --release``.

bindgen wants libclang and a compiler's headers. Both come without system packages: the PyPI package ``libclang`` of the
running interpreter carries the library, and gcc knows its own headers. What is already set stays as it is.

llama.cpp is built with the CPU variants that ``cpu_variants.wanted`` names. Every cargo command gets the same list:
llama-cpp-sys-2 builds again when the list changes.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import cpu_variants

WORKSPACE = Path(__file__).resolve().parent


def environment() -> dict[str, str]:
    """Return the environment for cargo, and prepare the target folder for a build."""
    env = dict(os.environ)
    if "LIBCLANG_PATH" not in env and (library := _libclang()) is not None:
        env["LIBCLANG_PATH"] = str(library)
    if "BINDGEN_EXTRA_CLANG_ARGS" not in env and (headers := _compiler_headers()) is not None:
        env["BINDGEN_EXTRA_CLANG_ARGS"] = f"-I{headers}"
    cpu_variants.select(env, WORKSPACE, target_folder(env))
    _remove_dangling_links(target_folder(env))
    return env


def target_folder(env: dict[str, str]) -> Path:
    """Return cargo's target folder."""
    return Path(env.get("CARGO_TARGET_DIR") or WORKSPACE / "target")


def _libclang() -> Path | None:
    spec = importlib.util.find_spec("clang")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        native = Path(folder) / "native"
        if native.is_dir():
            return native
    return None


def _compiler_headers() -> str | None:
    try:
        asked = subprocess.run(["gcc", "-print-file-name=include"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return asked.stdout.strip()


def _remove_dangling_links(target: Path) -> None:
    """llama-cpp-sys-2 links its libraries into the target folder, and its next run fails on links left dangling."""
    for profile in ("release", "release/deps", "release/examples"):
        for link in target.joinpath(profile).glob("lib*.so"):
            if link.is_symlink() and not link.exists():
                link.unlink()


def main() -> int:
    """Run the command that follows ``--``."""
    if sys.argv[1:2] != ["--"] or not sys.argv[2:]:
        print("usage: cargo_env.py -- COMMAND [ARGUMENT ...]", file=sys.stderr)  # noqa: T201
        return 2
    return subprocess.run(sys.argv[2:], env=environment(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
