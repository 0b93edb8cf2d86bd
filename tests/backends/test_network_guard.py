"""Workers stay off the network."""

from __future__ import annotations

import subprocess
import sys

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
