"""The CPU module is the best that was seen to work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tabagent_model
from tabagent_model import LibraryLoadError, _cpu

LIBRARIES = Path(tabagent_model.__file__).parent / "lib"
DIES = "void __attribute__((constructor)) die(void) { __builtin_trap(); }"


def supported() -> list[str]:
    return [variant.name for variant in tabagent_model.cpu_variants() if variant.supported]


def test_the_choice() -> None:
    assert ask_with("").stdout.strip() == supported()[0]
    chosen = tabagent_model.get_cpu_variant()
    assert chosen.variant == (os.environ.get("TABAGENT_CPU_VARIANT") or supported()[0])
    assert chosen.fallbacks == []
    assert str(chosen) == chosen.name == f"{chosen.vendor}-{chosen.generation}"
    assert tabagent_model.get_cpu_variant() is chosen
    path = Path(tabagent_model.get_optimal_binary("libllama.so"))
    assert path.is_absolute()
    assert path.name == f"libggml-cpu-{chosen.variant}.so"
    assert path.parent == LIBRARIES


def carried() -> list[str]:
    """Supported variants that the wheel has: ``make wheel`` builds the best one and a fallback per instruction set."""
    return [name for name in supported() if (LIBRARIES / f"libggml-cpu-{name}.so").is_file()]


def test_the_wheel_has_the_best_variant_and_fallbacks() -> None:
    variants = tabagent_model.cpu_variants()
    assert [v.score for v in variants] == sorted((v.score for v in variants), reverse=True)
    for variant in variants:
        assert variant.supported == (variant.reason is None)
    assert {supported()[0], "x64", "sandybridge"} <= set(carried())
    for name in carried():
        assert Path(tabagent_model.get_library(name)) == LIBRARIES / f"libggml-cpu-{name}.so"
    built = {path.stem.removeprefix("libggml-cpu-") for path in LIBRARIES.glob("libggml-cpu-*")}
    for missing in {variant.name for variant in variants} - built:
        with pytest.raises(LibraryLoadError, match=missing):
            tabagent_model.get_library(missing)


def test_every_supported_variant_computes_rightly() -> None:
    for variant in carried():
        assert _cpu._failure(Path(tabagent_model.get_library(variant))) is None, variant


STEMS = ["llama", "ggml", "ggml-base", "ggml-cpu"]
ENDINGS = ["", ".dll", ".so", ".so.0", ".so.0.9.4", ".dylib", ".0.dylib"]


@pytest.mark.parametrize("stem", [prefix + stem for prefix in ("", "lib") for stem in STEMS])
def test_h27_names_of_every_platform_are_accepted(stem: str) -> None:
    """A script written on another system asks for its own library's name."""
    expected = tabagent_model.get_library(tabagent_model.get_cpu_variant().variant)
    for name in (stem + ending for ending in ENDINGS):
        assert tabagent_model.get_optimal_binary(name) == expected, name
        assert tabagent_model.get_optimal_binary(name.upper()) == expected, name


WRONG_NAMES = [
    "",
    "lib",
    ".so",
    "libllama.",
    "libllama.so.",
    "libllama.so.x",
    "llama.dll.0",
    "libllama.so\n",
    "llama.dll\0",
]
WRONG_NAMES += [
    "../libllama.so",
    "C:\\llama.dll",
    "/usr/lib/libllama.so",
    "libllama.so.\u0660",
    "libmtmd.so",
    "ggml-cuda.dll",
]
WRONG_NAMES += ["libggml-cpu-haswell.so"]


@pytest.mark.parametrize("name", WRONG_NAMES, ids=ascii)
def test_h27_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"libllama\.so"):
        tabagent_model.get_optimal_binary(name)


def test_a_variant_of_another_platform_is_refused() -> None:
    with pytest.raises(ValueError, match="haswell"):
        tabagent_model.get_library("pentium")


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """A copy of the wheel's libraries."""
    return Path(shutil.copytree(LIBRARIES, tmp_path / "lib"))


@pytest.mark.skipif(shutil.which("gcc") is None, reason="a library that dies must be compiled")
def test_a_module_that_dies_is_passed_over(libraries: Path) -> None:
    best, second = carried()[:2]
    victim = libraries / f"libggml-cpu-{best}.so"
    victim.unlink()
    command = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(victim)]
    subprocess.run(command, input=DIES.encode(), check=True)
    chosen = _cpu._choose(libraries, "")
    assert chosen.variant == second
    assert chosen.fallbacks[0]["variant"] == best
    assert "SIG" in chosen.fallbacks[0]["reason"]


def test_a_module_that_is_none_is_passed_over(libraries: Path) -> None:
    best, second, third = carried()[:3]
    (libraries / f"libggml-cpu-{best}.so").write_bytes(b"not a library")
    (libraries / f"libggml-cpu-{second}.so").unlink()
    chosen = _cpu._choose(libraries, "")
    assert chosen.variant == third
    reasons = {fallback["variant"]: fallback["reason"] for fallback in chosen.fallbacks}
    assert next(iter(reasons)) == best
    assert reasons[second] == "the wheel does not carry it"


def test_without_any_module_it_says_what_was_tried(tmp_path: Path) -> None:
    with pytest.raises(LibraryLoadError, match=supported()[0]):
        _cpu._choose(tmp_path, "")


def ask_with(override: str) -> subprocess.CompletedProcess[str]:
    program = "import tabagent_model; print(tabagent_model.get_cpu_variant().variant)"
    env = {**os.environ, "TABAGENT_CPU_VARIANT": override}
    return subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)


def test_the_environment_can_choose() -> None:
    assert ask_with("x64").stdout.strip() == "x64"
    unknown = ask_with("pentium")
    assert unknown.returncode == 1
    assert "unknown CPU variant 'pentium'" in unknown.stderr
    assert "haswell" in unknown.stderr
    lacking = next((v for v in tabagent_model.cpu_variants() if not v.supported), None)
    if lacking is not None:
        refused = ask_with(lacking.name)
        assert refused.returncode == 1
        assert f"names {lacking.name}, but {lacking.reason}" in refused.stderr


def test_hardware() -> None:
    facts = tabagent_model.hardware()
    assert facts["cpu"]["logical_cores"] >= 1
    assert facts["cpu"]["physical_cores"] >= 1
    assert facts["memory"]["total_bytes"] >= facts["memory"]["available_bytes"] > 0
    assert facts["cpu"]["vendor"] in {"intel", "amd", "apple", "arm", "other"}
