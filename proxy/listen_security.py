"""Whether anybody but this machine can connect without a key."""

from __future__ import annotations

from ipaddress import ip_address

from proxy.config.process_schema import Listen
from proxy.middleware.auth import Auth
from proxy.pipeline import Pipeline


def exposed_listener(listen: Listen, pipeline: Pipeline) -> str | None:
    """Return what is wrong with a listener that others can reach without a key, or None if nothing is."""
    has_keys = any(isinstance(each, Auth) and each.keys for each in pipeline.middlewares)
    public = [host for host in listen.hosts if listen.unix is None and not _is_loopback(host)]
    if not public or has_keys:
        return None
    return (
        f"{public[0]} is reachable from the network but no key is required; "
        "set pipeline: auth: keys, or listen on 127.0.0.1"
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
