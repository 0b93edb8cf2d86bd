"""Workers stay off the network."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import socket, subprocess, sys, threading
from backends.network_guard import leave_network
assert leave_network()
refused = []
def attempt(family, kind=socket.SOCK_STREAM):
    try:
        socket.socket(family, kind).close()
    except PermissionError:
        refused.append(family)
attempt(socket.AF_INET); attempt(socket.AF_INET6); attempt(socket.AF_INET, socket.SOCK_DGRAM); attempt(socket.AF_UNIX)
thread = threading.Thread(target=attempt, args=(socket.AF_INET,)); thread.start(); thread.join()
assert refused == [socket.AF_INET, socket.AF_INET6, socket.AF_INET, socket.AF_INET], refused
child = subprocess.run([sys.executable, "-c", "import socket; socket.socket()"], capture_output=True)
assert b"PermissionError" in child.stderr
"""


def test_no_internet_socket_in_threads_and_children_either() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


FOREIGN_CALLS = """
import ctypes, mmap, platform, sys
from backends.network_guard import leave_network
assert leave_network()
CODES = {
    "int 0x80": bytes.fromhex("53 b867010000 bb02000000 b901000000 31d2 cd80 5b c3"),  # socket is 359 on i386
    "x32": bytes.fromhex("b829000040 bf02000000 be01000000 31d2 0f05 c3"),  # 0x40000000 | 41
}
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code = CODES[sys.argv[1]]
page[: len(code)] = code
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
assert call() == -13, call()
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only x86-64 has these")
@pytest.mark.parametrize("way", ["int 0x80", "x32"])
def test_s12_no_socket_by_the_numbers_of_another_architecture(way: str) -> None:
    done = subprocess.run([sys.executable, "-c", FOREIGN_CALLS, way], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


REFUSED_FILTER = """
import ctypes, backends.network_guard as guard
guard._PR_SET_SECCOMP = 10**6  # an option that no kernel has
guard.leave_network()
print("went on")
"""


def test_s12_a_filter_that_the_kernel_refuses_ends_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", REFUSED_FILTER], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "The network cannot be blocked" in done.stderr
