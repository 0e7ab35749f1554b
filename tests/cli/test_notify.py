"""A service manager is told when the sidecar is ready and when it stops."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.cli.notify import notify
from tests.cli.serve_process import ServeProcess
from tests.fakes import routing_yaml

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this platform has no unix sockets")
NAMES = ["file", pytest.param("abstract", marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux only"))]


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    """The socket of a service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        yield sock


@pytest.mark.parametrize("kind", NAMES)
def test_the_state_is_sent(kind: str, manager: socket.socket, tmp_path: Path) -> None:
    name = str(tmp_path / "notify") if kind == "file" else f"@parrot-{os.getpid()}"
    manager.bind(name.replace("@", "\0"))
    notify("READY=1", {"NOTIFY_SOCKET": name})
    assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    "environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}, {"NOTIFY_SOCKET": "/no"}]
)
def test_without_a_manager_nothing_happens(environ: dict[str, str]) -> None:
    notify("READY=1", environ)


def test_serve_is_ready_when_it_listens_and_tells_that_it_stops(manager: socket.socket, tmp_path: Path) -> None:
    manager.bind(str(tmp_path / "notify"))
    (tmp_path / "routing.yaml").write_text(routing_yaml())
    environ = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
    with ServeProcess(str(tmp_path / "routing.yaml"), environ=environ) as sidecar:
        assert manager.recv(100) == b"READY=1"
        sidecar.request(sidecar.admin, "/readyz").close()
        sidecar.send(signal.SIGTERM)
        assert manager.recv(100) == b"STOPPING=1"
        assert sidecar.wait()[0] == 0
