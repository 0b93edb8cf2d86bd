"""CPU variants of ggml to build: those for this machine, or all for a wheel that other machines install.

One variant compiles for 20 to 40 s on two cores, and there are 14 on x86. ``TABAGENT_BUILD_VARIANTS=all`` builds each
of them. The default, ``machine``, builds the best one for this CPU and one per older instruction set as a fallback.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SETTING = "TABAGENT_BUILD_VARIANTS"
FALLBACKS = ("haswell", "sandybridge", "x64", "armv8.2_1", "armv8.0_1", "apple_m1")
_CMAKE_LIST = "GGML_TABAGENT_CPU_VARIANTS"
_CMAKE_FILE = "cpu_variants.cmake"


def select(env: dict[str, str], workspace: Path, target: Path) -> None:
    """Add the variants to build to the environment that cargo runs in.

    Args:
        env: Environment to complete. ``TABAGENT_BUILD_VARIANTS`` is read from it.
        workspace: Folder of the Cargo workspace.
        target: Cargo's target folder. CMake configures again there if the last build had other variants.
    """
    env[_CMAKE_LIST] = ";".join(_wanted(env, workspace))
    # A copy beside the build: CMake remembers the path, and the next checkout to build here may have another.
    include = target.resolve() / _CMAKE_FILE
    env["CMAKE_PROJECT_ggml_INCLUDE"] = str(include)
    code = (workspace / _CMAKE_FILE).read_text(encoding="utf-8")
    stamp = target / "cpu-variants.txt"
    configured = f"{env[_CMAKE_LIST]}\n{code}"
    if not (include.is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == configured):
        # llama-cpp-sys-2 configures only where this file is missing. Objects that are already compiled stay.
        for cache in target.glob("release/build/llama-cpp-sys-2-*/out/build/CMakeCache.txt"):
            cache.unlink()
        target.mkdir(parents=True, exist_ok=True)
        include.write_text(code, encoding="utf-8")
        stamp.write_text(configured, encoding="utf-8")


def selected(env: dict[str, str]) -> list[str]:
    """Return the variants that ``select`` chose."""
    return env[_CMAKE_LIST].split(";")


def _wanted(env: dict[str, str], workspace: Path) -> list[str]:
    setting = env.get(SETTING) or "machine"
    if setting not in ("all", "machine"):
        sys.exit(f"{SETTING} must be all or machine, not {setting!r}")
    command = ["cargo", "run", "--release", "--quiet", "--locked", "-p", "hardware", "--bin", "cpu-variants", "--"]
    command += ["--all"] if setting == "all" else []
    listed = subprocess.run(command, cwd=workspace, env=env, stdout=subprocess.PIPE, text=True, check=True)
    best, *others = listed.stdout.split()
    return [best, *(name for name in others if setting == "all" or name in FALLBACKS)]
