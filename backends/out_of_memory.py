"""The error of a worker that ran out of memory, as the worker reports it and as the broker does for one that died."""

from __future__ import annotations

from pathlib import Path

from native_host.protocol.errors import ErrorCode, TabAgentError

EXCEEDED = "memory limit of a load exceeded:"
"""What a worker writes to stderr before it aborts a load that takes far too much memory."""
_WRITTEN = ("std::bad_alloc", "memory allocation of ", EXCEEDED)
"""What C++, Rust and the worker write to stderr before they abort for want of memory."""


def out_of_memory(what_happened: str, **details: object) -> TabAgentError:
    """Return the error, with the memory that is available now, in bytes; 0 where the system does not tell."""
    available = _available_bytes()
    message = f"{what_happened} {available / 2**20:,.0f} MiB are free. Choose a smaller model or context."
    return TabAgentError(ErrorCode.OUT_OF_MEMORY, message, available_bytes=available, **details)


def is_out_of_memory(stderr: str) -> bool:
    """Return True if what a process wrote before it aborted names a failed allocation."""
    return any(words in stderr for words in _WRITTEN)


def _available_bytes() -> int:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
