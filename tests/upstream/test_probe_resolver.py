"""The resolver of probes returns the system's addresses in aiohttp's form."""

from __future__ import annotations

import socket

import pytest

from proxy.upstream import probe_resolver
from proxy.upstream.http1.resolver import Address
from proxy.upstream.probe_resolver import SystemResolver

FOUND = [Address(socket.AF_INET, ("10.0.0.1", 443)), Address(socket.AF_INET6, ("fd00::1", 443, 0, 0))]


@pytest.mark.parametrize(
    ("family", "hosts"),
    [
        (socket.AF_UNSPEC, ["10.0.0.1", "fd00::1"]),
        (socket.AF_INET, ["10.0.0.1"]),
        (socket.AF_INET6, ["fd00::1"]),
    ],
)
async def test_the_addresses_of_a_family_are_returned(
    family: socket.AddressFamily, hosts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find(host: str, port: int) -> list[Address]:
        return FOUND

    monkeypatch.setattr(probe_resolver, "system_lookup", find)
    resolver = SystemResolver()
    rows = await resolver.resolve("name.test", 443, family)
    assert [(row["hostname"], row["host"], row["port"]) for row in rows] == [("name.test", host, 443) for host in hosts]
    await resolver.close()
