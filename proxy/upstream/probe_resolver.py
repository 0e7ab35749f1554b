"""Resolves the host names of active probes for aiohttp, as those of requests are resolved but without a cache."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from proxy.upstream.http1.resolver import system_lookup


class SystemResolver(AbstractResolver):
    """Looks each name up anew, so that a probe shows whether it can be found."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Raises OSError."""
        return [
            ResolveResult(
                hostname=host, host=sockaddr[0], port=port, family=found, proto=0, flags=socket.AI_NUMERICHOST
            )
            for found, sockaddr in await system_lookup(host, port)
            if family in (socket.AF_UNSPEC, found)
        ]

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""
