"""The sections of routing.yaml about the process: its listeners, and how it ends."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from proxy.config.units import Seconds, Secret

HOST_PATTERN = r"^[^\s/]+$"

Port = Annotated[int, Meta(ge=0, le=65535)]
Host = Annotated[str, Meta(pattern=HOST_PATTERN)]


class Listen(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The listener for applications."""

    host: Host | Annotated[tuple[Host, ...], Meta(min_length=1)] = "127.0.0.1"
    """Address or name to listen on, or a list of them. Other than loopback they require keys under `pipeline: auth`."""
    port: Port = 8090
    """The same for all addresses. `0` selects a free port."""
    unix: Annotated[str, Meta(pattern=r"^[^\0]+$")] | None = None
    """Path of a unix socket, used instead of host and port."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses or names to listen on."""
        return (self.host,) if isinstance(self.host, str) else self.host

    def __post_init__(self) -> None:
        if not self.hosts:
            raise ValueError("host: expected an address such as 127.0.0.1, or a list of them, got an empty list")


class Admin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The listener for health checks and metrics. With `key`, reload and drain are allowed from other machines too."""

    host: Host = "127.0.0.1"
    """Address to listen on. Probes of Kubernetes and Prometheus need `0.0.0.0`."""
    port: Port = 9464
    """`0` selects a free port."""
    key: Secret | None = None
    """Bearer token that permits reload and drain from other hosts."""


class Drain(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """After SIGTERM: keep accepting requests for `delay`, then wait up to `timeout` for running ones."""

    delay: Seconds = Seconds(0)
    """After SIGTERM new requests are still accepted for this time."""
    timeout: Seconds = Seconds(25)
    """Then running requests may finish within this time."""
