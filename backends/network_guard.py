"""Keeps a worker off the network: engines read files, and some of their libraries call home.

A seccomp filter lets no internet socket be made, in this process and its children. System calls of other architectures
(``int 0x80`` and x32 on x86-64) number ``socket`` differently, so all of them are refused. Linux on x86-64 and arm64;
elsewhere nothing is done. Numbers: linux/audit.h, linux/seccomp.h, linux/bpf_common.h, asm/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import sys

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 22, 38, 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EACCES
_LOAD_WORD, _JUMP_IF_EQUAL, _JUMP_IF_GREATER_OR_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
_AT_SYSCALL, _AT_ARCHITECTURE, _AT_FIRST_ARGUMENT = 0, 4, 16
_IO_URING_SETUP = 425
_FIRST_X32 = 0x40000000
"""x32 system calls carry this bit, under the architecture of x86-64. No native call has a number so high."""
_PLATFORMS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""Machine → audit architecture, number of ``socket``."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def leave_network() -> bool:
    """Refuse internet sockets from now on, with EACCES. Call it before any thread starts.

    Returns:
        False where the platform has no such filter.

    Raises:
        OSError: the kernel did not take the filter; the process must not go on.
    """
    if sys.platform != "linux" or platform.machine() not in _PLATFORMS:
        return False
    instructions = _filter(*_PLATFORMS[platform.machine()])
    program = _Program(len(instructions) // 8, instructions)
    _prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
    _prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(program))
    return True


def _prctl(option: int, *arguments: object) -> None:
    unused = (ctypes.c_ulong(0),) * (4 - len(arguments))
    if ctypes.CDLL(None, use_errno=True).prctl(option, *arguments, *unused) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"The network cannot be blocked for this process: {os.strerror(number)}")


def _filter(architecture: int, socket_call: int) -> bytes:
    """A BPF program: each jump counts the instructions to pass over when true, and when false."""
    return b"".join(
        (
            _instruction(_LOAD_WORD, _AT_ARCHITECTURE),
            _instruction(_JUMP_IF_EQUAL, architecture, 0, 7),
            _instruction(_LOAD_WORD, _AT_SYSCALL),
            _instruction(_JUMP_IF_GREATER_OR_EQUAL, _FIRST_X32, 5, 0),
            _instruction(_JUMP_IF_EQUAL, _IO_URING_SETUP, 4, 0),
            _instruction(_JUMP_IF_EQUAL, socket_call, 0, 4),
            _instruction(_LOAD_WORD, _AT_FIRST_ARGUMENT),
            _instruction(_JUMP_IF_EQUAL, socket.AF_INET, 1, 0),
            _instruction(_JUMP_IF_EQUAL, socket.AF_INET6, 0, 1),
            _instruction(_RETURN, _REFUSE),
            _instruction(_RETURN, _ALLOW),
        )
    )


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
