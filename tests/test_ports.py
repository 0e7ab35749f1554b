"""The tests bind no fixed port, so that they can run next to a sidecar on the default ports."""

from __future__ import annotations

import socket

import pytest


@pytest.mark.parametrize("port", [8090, 9464])
def test_a_test_that_binds_a_fixed_port_fails(port: int) -> None:
    with socket.socket() as listening, pytest.raises(AssertionError, match=f"the fixed port {port}"):
        listening.bind(("127.0.0.1", port))


def test_a_test_may_bind_a_free_port() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        assert listening.getsockname()[1]
