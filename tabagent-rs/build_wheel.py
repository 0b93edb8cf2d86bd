"""Build the wheel ``tabagent_model``: ``python build_wheel.py --out DIR``. Compiles llama.cpp, which takes minutes.

The wheel carries llama.cpp and one CPU module per variant in ``tabagent_model/lib``, stripped, and finds them beside
itself: nothing of the build folder is looked at when it runs. ``CARGO_TARGET_DIR`` is honoured. By default the wheel
has the CPU variants for this machine; ``TABAGENT_BUILD_VARIANTS=all`` makes one for every machine.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import cpu_variants
from build_progress import CMakeProgress
from cargo_env import WORKSPACE, environment, target_folder

BINDINGS = WORKSPACE / "crates" / "model-bindings"
LIBRARIES = BINDINGS / "python" / "tabagent_model" / "lib"
MODULES = ("libggml-cpu-{}.so", "ggml-cpu-{}.dll")
RUNTIME = ("libllama", "libggml", "libggml-base")

_began = time.monotonic()


def main() -> int:
    """Build, collect, package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder to put the wheel in")
    parser.add_argument("--features", default="", help="candle's devices beside the CPU: cuda, metal")
    arguments = parser.parse_args()
    out: Path = arguments.out.resolve()
    env = environment()
    _say("compiling llama.cpp")
    native = _compile(env)
    _say("collecting llama.cpp's libraries")
    _collect(native, cpu_variants.selected(env))
    _say("compiling the bindings and packaging")
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("tabagent_model-*.whl"):
        old.unlink()
    maturin = [_tool("maturin"), "build", "--release", "--skip-auditwheel", "--quiet"]
    if arguments.features:
        maturin += ["--features", arguments.features]
    _run([*maturin, "--interpreter", sys.executable, "--out", str(out)], env, BINDINGS)
    for wheel in out.glob("tabagent_model-*.whl"):
        _say(f"{wheel} ({wheel.stat().st_size / 1e6:.1f} MB)")
    return 0


def _compile(env: dict[str, str]) -> Path:
    """Build, showing cargo's progress; return the output folder of llama.cpp's build script."""
    command = ["cargo", "build", "--release", "--locked", "-p", "gguf-handler"]
    with (
        CMakeProgress(target_folder(env), lambda percent: _say(f"llama.cpp: {percent} %")),
        subprocess.Popen(
            [*command, "--message-format", "json-render-diagnostics"], cwd=WORKSPACE, env=env, stdout=subprocess.PIPE
        ) as cargo,
    ):
        assert cargo.stdout is not None
        messages = [json.loads(line) for line in cargo.stdout]
    if cargo.returncode != 0:
        sys.exit(cargo.returncode)
    for message in messages:
        if message["reason"] == "build-script-executed" and "llama-cpp-sys-2" in message["package_id"]:
            return Path(message["out_dir"])
    sys.exit("cargo did not say where llama.cpp was built")


def _collect(native: Path, variants: list[str]) -> None:
    shutil.rmtree(LIBRARIES, ignore_errors=True)
    LIBRARIES.mkdir(parents=True)
    copied = [_copy(library) for library in _libraries(native, variants)]
    if not copied:
        sys.exit(f"no libraries in {native}")
    if sys.platform == "linux":
        for library in copied:
            _run(["strip", "--strip-unneeded", str(library)])
            _run([_tool("patchelf"), "--set-rpath", "$ORIGIN", str(library)])


def _libraries(native: Path, variants: list[str]) -> Iterable[Path]:
    """Yield the CPU modules of these variants, and the runtime under the names the loader asks for."""
    for variant in variants:
        modules = [native / "backends" / form.format(variant) for form in MODULES]
        module = next((path for path in modules if path.is_file()), None)
        if module is None:
            sys.exit(f"llama.cpp was built without the CPU variant {variant}")
        yield module
    for stem in RUNTIME:
        versioned = (*native.glob(f"lib/{stem}.so.0"), *native.glob(f"lib/{stem}.0.dylib"))
        yield from versioned or native.glob(f"bin/{stem.removeprefix('lib')}.dll")


def _copy(library: Path) -> Path:
    return Path(shutil.copy(library.resolve(), LIBRARIES / library.name))


def _tool(name: str) -> str:
    """A program of the running interpreter's environment, else of the system."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        sys.exit(f"{name} is missing; install it with: pip install {name}")
    return found


def _run(command: list[str], env: dict[str, str] | None = None, folder: Path | None = None) -> None:
    done = subprocess.run(command, env=env, cwd=folder, check=False)
    if done.returncode != 0:
        sys.exit(f"{Path(command[0]).name} failed with {done.returncode}")


def _say(text: str) -> None:
    print(f"[{time.monotonic() - _began:5.0f} s] {text}", file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
