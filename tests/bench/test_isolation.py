"""A network namespace has its own loopback interface and no other."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
from bench.isolation import enter_own_network
import socket
print(enter_own_network(), *(name for _, name in socket.if_nameindex()))
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
"""


def test_only_loopback_is_left_and_it_works():
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    entered, *interfaces = done.stdout.split()
    if entered == "False":
        pytest.skip("this machine allows no network namespace")
    assert "lo" in interfaces and not [name for name in interfaces if name.startswith(("eth", "en", "wl"))]
