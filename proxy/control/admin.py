"""The admin listener: probes for whoever runs the sidecar, and two levers that only the near may pull."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from ipaddress import ip_address
from typing import Any, NamedTuple

import orjson
from aiohttp import web

from proxy.config.quantities import Secret
from proxy.errors import Forbidden, MethodNotAllowed, NotFound, ParrotError
from proxy.host_origin import check_host, check_origin
from proxy.reload import Outcome

Answer = tuple[int, Any]
"""A status, and a value for JSON or a `Text`."""


class Text(NamedTuple):
    """A body that is written already."""

    body: bytes
    kind: str


_WITH_KEY = "send Authorization: Bearer with the file's admin: key"


async def _nothing(accept: str) -> tuple[bytes, str]:
    return b"", "text/plain"


@dataclass(frozen=True, slots=True)
class Admin:
    """Answers the admin listener's requests; whether it is ready has nothing to do with the providers' state."""

    reloader: Callable[[], Outcome]
    """The last reload's outcome."""
    reload: Callable[[], Awaitable[Outcome]]
    drain: Callable[[], None]
    ready: Callable[[], bool]
    key: Secret | None = None
    metrics: Callable[[str], Awaitable[tuple[bytes, str]]] = _nothing
    """The text in a format that the scraper accepts, and its type."""

    async def __call__(self, wire: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        headers: Mapping[str, str] = {}
        try:
            status, body = await self._answer(wire)
        except ParrotError as error:
            status, body, headers = error.status, {"error": error.members()}, error.headers
        text = body if isinstance(body, Text) else Text(orjson.dumps(body) + b"\n", "application/json")
        return web.Response(status=status, body=text.body, headers={**headers, "Content-Type": text.kind})

    async def _answer(self, wire: web.BaseRequest) -> Answer:
        path = wire.raw_path.partition("?")[0]
        if path not in _PROBES:
            self._check_browser(wire)
        if path not in _ROUTES:
            raise NotFound(f"nothing stands at {path[:256]}; there is {', '.join(_ROUTES)}")
        method, answer = _ROUTES[path]
        if wire.method != method:
            raise MethodNotAllowed(f"{wire.method} is not allowed here; {method} is", headers={"Allow": method})
        if method == "POST":
            self._check_near(wire)
        return await answer(self, wire)

    def _check_browser(self, wire: web.BaseRequest) -> None:
        """Raise Forbidden for another site's page and for a rebound name, unless the key comes with the request."""
        if not self._has_key(wire):
            check_host(wire.headers, _WITH_KEY)
            check_origin(wire.headers, (), _WITH_KEY)

    def may_see_problems(self, wire: web.BaseRequest) -> bool:
        """Whether the caller is no web page: what is wrong with the file is not for other sites."""
        try:
            self._check_browser(wire)
        except Forbidden:
            return False
        return True

    def _check_near(self, wire: web.BaseRequest) -> None:
        """Raise Forbidden unless it comes from this machine and no web page, or brings the key."""
        if self._has_key(wire):
            return
        near = wire.remote is not None and ip_address(wire.remote.partition("%")[0]).is_loopback
        if not near or "Origin" in wire.headers:
            raise Forbidden("only this machine may do that, or Authorization: Bearer with the file's admin: key")

    def _has_key(self, wire: web.BaseRequest) -> bool:
        return self.key is not None and _matches(wire.headers.get("Authorization", ""), self.key)


def _matches(sent: str, key: Secret) -> bool:
    wanted = sha256(f"Bearer {key.value}".encode()).digest()
    return not key.missing and compare_digest(sha256(sent.encode("utf-8", "surrogateescape")).digest(), wanted)


async def _healthz(admin: Admin, wire: web.BaseRequest) -> Answer:
    return 200, {"status": "ok"}


async def _readyz(admin: Admin, wire: web.BaseRequest) -> Answer:
    ready = admin.ready()
    return (200 if ready else 503), {"status": "ready" if ready else "draining", **_config(admin, wire)}


async def _reload(admin: Admin, wire: web.BaseRequest) -> Answer:
    outcome = await admin.reload()
    return (200 if outcome.successful else 422), outcome.as_json()


async def _drain(admin: Admin, wire: web.BaseRequest) -> Answer:
    admin.drain()
    return 202, {"status": "draining"}


async def _metrics(admin: Admin, wire: web.BaseRequest) -> Answer:
    return 200, Text(*await admin.metrics(wire.headers.get("Accept", "")))


async def _show(admin: Admin, wire: web.BaseRequest) -> Answer:
    return 200, _config(admin, wire)


def _config(admin: Admin, wire: web.BaseRequest) -> dict[str, Any]:
    last = admin.reloader()
    problems = list(last.problems) if admin.may_see_problems(wire) else []
    return {
        "generation": last.generation,
        "hash": last.digest,
        "last_reload_successful": last.successful,
        **({"problems": problems} if problems else {}),
    }


_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Open to any Host: the kubelet and Prometheus reach them by the pod's address or a service's name."""

_ROUTES: Mapping[str, tuple[str, Callable[[Admin, web.BaseRequest], Awaitable[Answer]]]] = {
    "/healthz": ("GET", _healthz),
    "/readyz": ("GET", _readyz),
    "/metrics": ("GET", _metrics),
    "/admin/config": ("GET", _show),
    "/admin/reload": ("POST", _reload),
    "/admin/drain": ("POST", _drain),
}
