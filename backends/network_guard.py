"""Keeps a worker off the network: engines read files, and some of their libraries call home.

A seccomp filter lets no internet socket be made, in this process and its children. Linux on x86-64 and arm64; elsewhere
nothing is done. Numbers: linux/audit.h, linux/seccomp.h, linux/bpf_common.h, asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct
import sys

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 22, 38, 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_AT_SYSCALL, _AT_ARCHITECTURE, _AT_FIRST_ARGUMENT = 0, 4, 16
_IO_URING_SETUP = 425
_PLATFORMS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""Machine → audit architecture, number of ``socket``."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def leave_network() -> bool:
    """Refuse internet sockets from now on, with EACCES. Returns whether the platform can. Call it before any thread."""
    if sys.platform != "linux" or platform.machine() not in _PLATFORMS:
        return False
    instructions = _filter(*_PLATFORMS[platform.machine()])
    program = _Program(len(instructions) // 8, instructions)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _filter(architecture: int, socket_call: int) -> bytes:
    """A BPF program: each jump counts the instructions to pass over when equal, and when not."""
    return b"".join(
        (
            _instruction(_LOAD_WORD, _AT_ARCHITECTURE),
            _instruction(_JUMP_IF_EQUAL, architecture, 0, 7),
            _instruction(_LOAD_WORD, _AT_SYSCALL),
            _instruction(_JUMP_IF_EQUAL, _IO_URING_SETUP, 4, 0),
            _instruction(_JUMP_IF_EQUAL, socket_call, 0, 4),
            _instruction(_LOAD_WORD, _AT_FIRST_ARGUMENT),
            _instruction(_JUMP_IF_EQUAL, socket.AF_INET, 1, 0),
            _instruction(_JUMP_IF_EQUAL, socket.AF_INET6, 0, 1),
            _instruction(_RETURN, _REFUSE),
            _instruction(_RETURN, _ALLOW),
        )
    )


def _instruction(code: int, value: int, if_equal: int = 0, if_not: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_equal, if_not, value)
