"""Which of the wheel's CPU modules serves this machine.

A module that a CPU cannot run kills its process at the first missing instruction, and feature flags have been wrong
before (hypervisors, microcode). So the best candidate is first tried in a child process; if that dies, the next one is.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from tabagent_model import _native
from tabagent_model.errors import LibraryLoadError

_LIBRARIES = Path(__file__).parent / "lib"
_OVERRIDE = "TABAGENT_CPU_VARIANT"
_PROBE_SECONDS = 30.0
_LIBRARY_NAME = re.compile(
    r"(lib)?(llama|ggml(-base|-cpu)?)(\.dll|\.so(\.\d+)*|(\.\d+)*\.dylib)?", re.ASCII | re.IGNORECASE
)
_PROBE = "import sys; sys.path.insert(0, sys.argv[1]); from tabagent_model import _native; _native._probe(sys.argv[2])"


class Fallback(TypedDict):
    """A variant that was tried and does not work here."""

    variant: str
    reason: str


@dataclass(frozen=True)
class CpuVariantInfo:
    """The CPU module chosen for this machine.

    Attributes:
        variant: ggml's name of the module, such as ``zen4``.
        vendor: Who made the CPU: ``intel``, ``amd``, ``apple``, ``arm`` or ``other``.
        generation: The CPU's microarchitecture, such as ``sapphirerapids``, or ``unknown``. It can differ from the
            variant: a hypervisor may hide features.
        fallbacks: Better variants that were tried first and failed, best first.
    """

    variant: str
    vendor: str
    generation: str
    fallbacks: list[Fallback] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Vendor and generation, such as ``intel-sapphirerapids``."""
        return f"{self.vendor}-{self.generation}"

    def __str__(self) -> str:
        return self.name


_lock = threading.Lock()
_chosen: CpuVariantInfo | None = None


def get_cpu_variant() -> CpuVariantInfo:
    """The best CPU module that was seen to work here; found once per process, in about a tenth of a second.

    The environment variable ``TABAGENT_CPU_VARIANT`` names another one.

    Raises:
        ValueError: The variable names no variant, or one that this CPU does not support.
        LibraryLoadError: No module of the wheel works here, or not the one that was named.
    """
    global _chosen  # noqa: PLW0603  # one answer per process
    with _lock:
        if _chosen is None:
            _chosen = _choose(_LIBRARIES, os.environ.get(_OVERRIDE, ""))
        return _chosen


def get_optimal_binary(name: str) -> str:
    """Return the absolute path of the CPU module to load on this machine, for ``PyModel.load``.

    Args:
        name: Name of llama.cpp's or ggml's library on any platform, such as ``libllama.so``, ``libllama.dylib``,
            ``llama.dll``, ``ggml.dll`` or ``llama``. The module is the one for this machine whichever name is given.

    Raises:
        ValueError: ``name`` is no name of these libraries, or see ``get_cpu_variant``.
        LibraryLoadError: See ``get_cpu_variant``.
    """
    if _LIBRARY_NAME.fullmatch(name) is None:
        expected = _native._runtime_library_name()  # noqa: SLF001  # the package's own
        raise ValueError(
            f"unknown library {name!r}; use {expected!r} (get_library finds the module of one CPU variant)"
        )
    return get_library(get_cpu_variant().variant)


def get_library(variant: str) -> str:
    """Absolute path of the wheel's module for a variant, whether or not it works here.

    Raises:
        ValueError: There is no such variant for this platform.
        LibraryLoadError: The wheel does not carry it.
    """
    _known(variant)
    path = _module(_LIBRARIES, variant)
    if not path.is_file():
        raise LibraryLoadError(
            f"the wheel has no CPU module for {variant}", path=str(path), details={"reason": "missing"}
        )
    return str(path)


def _choose(libraries: Path, requested: str) -> CpuVariantInfo:
    cpu = _native.hardware()["cpu"]
    if requested:
        named = _known(requested)
        if not named.supported:
            raise ValueError(f"{_OVERRIDE} names {requested}, but {named.reason}")
        candidates = [requested]
    else:
        candidates = [variant.name for variant in _native.cpu_variants() if variant.supported]
    failed: list[Fallback] = []
    for candidate in candidates:
        reason = _failure(_module(libraries, candidate))
        if reason is None:
            return CpuVariantInfo(candidate, cpu["vendor"], cpu["generation"], failed)
        failed.append({"variant": candidate, "reason": reason})
    tried = "; ".join(f"{attempt['variant']}: {attempt['reason']}" for attempt in failed)
    raise LibraryLoadError(f"no CPU module works here ({tried})", path=str(libraries), details={"reason": tried})


def _known(variant: str) -> _native.CpuVariant:
    variants = {known.name: known for known in _native.cpu_variants()}
    if variant not in variants:
        raise ValueError(f"unknown CPU variant {variant!r}; this platform has {', '.join(variants)}")
    return variants[variant]


def _module(libraries: Path, variant: str) -> Path:
    return libraries / _native._module_file_name(variant)  # noqa: SLF001  # the package's own


def _failure(module: Path) -> str | None:
    """Why a module does not work here, found out in a child process; None when it does."""
    if not module.is_file():
        return "the wheel does not carry it"
    command = [sys.executable, "-I", "-c", _PROBE, str(Path(__file__).parents[1]), str(module)]
    try:
        child = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_PROBE_SECONDS:.0f} s"
    if child.returncode == 0:
        return None
    if child.returncode < 0:
        return f"a trial run died of {_signal_name(-child.returncode)}"
    said = child.stderr.decode(errors="replace").strip().splitlines()
    return said[-1] if said else f"a trial run ended with {child.returncode:#x}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
