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

from proxy.config.units import Secret
from proxy.errors import ForbiddenError, MethodNotAllowedError, NotFoundError, ParrotError
from proxy.host_origin import check_host, check_origin
from proxy.reload import ReloadOutcome

Result = tuple[int, Any]
"""A status, and a value for JSON or a `RawBody`."""


class RawBody(NamedTuple):
    """A body that is written already."""

    body: bytes
    content_type: str


_WITH_KEY = "send Authorization: Bearer with the file's admin: key"


async def _no_metrics(accept: str) -> tuple[bytes, str]:
    return b"", "text/plain"


@dataclass(frozen=True, slots=True)
class AdminHandler:
    """Answers the admin listener's requests; whether it is ready has nothing to do with the providers' state."""

    last_reload: Callable[[], ReloadOutcome]
    """The last reload's outcome."""
    reload: Callable[[], Awaitable[ReloadOutcome]]
    drain: Callable[[], None]
    ready: Callable[[], bool]
    key: Secret | None = None
    metrics: Callable[[str], Awaitable[tuple[bytes, str]]] = _no_metrics
    """The text in a format that the scraper accepts, and its type."""

    async def __call__(self, http_request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        headers: Mapping[str, str] = {}
        try:
            status, body = await self._respond(http_request)
        except ParrotError as error:
            status, body, headers = error.status, {"error": error.members()}, error.headers
        text = body if isinstance(body, RawBody) else RawBody(orjson.dumps(body) + b"\n", "application/json")
        return web.Response(status=status, body=text.body, headers={**headers, "Content-Type": text.content_type})

    async def _respond(self, http_request: web.BaseRequest) -> Result:
        path = http_request.raw_path.partition("?")[0]
        if path not in _PROBES:
            self._check_browser(http_request)
        if path not in _ROUTES:
            raise NotFoundError(f"nothing stands at {path[:256]}; there is {', '.join(_ROUTES)}")
        method, answer = _ROUTES[path]
        if http_request.method != method:
            raise MethodNotAllowedError(
                f"{http_request.method} is not allowed here; {method} is", headers={"Allow": method}
            )
        if method == "POST":
            self._check_local_or_key(http_request)
        return await answer(self, http_request)

    def _check_browser(self, http_request: web.BaseRequest) -> None:
        """Raise ForbiddenError for another site's page and for a rebound name, unless the key comes with the request."""
        if not self._has_key(http_request):
            check_host(http_request.headers, _WITH_KEY)
            check_origin(http_request.headers, (), _WITH_KEY)

    def may_see_problems(self, http_request: web.BaseRequest) -> bool:
        """Whether the caller is no web page: what is wrong with the file is not for other sites."""
        try:
            self._check_browser(http_request)
        except ForbiddenError:
            return False
        return True

    def _check_local_or_key(self, http_request: web.BaseRequest) -> None:
        """Raise ForbiddenError unless it comes from this machine and no web page, or brings the key."""
        if self._has_key(http_request):
            return
        near = http_request.remote is not None and ip_address(http_request.remote.partition("%")[0]).is_loopback
        if not near or "Origin" in http_request.headers:
            raise ForbiddenError("only this machine may do that, or Authorization: Bearer with the file's admin: key")

    def _has_key(self, http_request: web.BaseRequest) -> bool:
        return self.key is not None and _matches(http_request.headers.get("Authorization", ""), self.key)


def _matches(sent: str, key: Secret) -> bool:
    wanted = sha256(f"Bearer {key.value}".encode()).digest()
    return not key.missing and compare_digest(sha256(sent.encode("utf-8", "surrogateescape")).digest(), wanted)


async def _healthz(admin: AdminHandler, http_request: web.BaseRequest) -> Result:
    return 200, {"status": "ok"}


async def _readyz(admin: AdminHandler, http_request: web.BaseRequest) -> Result:
    ready = admin.ready()
    return (200 if ready else 503), {"status": "ready" if ready else "draining", **_config(admin, http_request)}


async def _reload(admin: AdminHandler, http_request: web.BaseRequest) -> Result:
    outcome = await admin.reload()
    return (200 if outcome.is_successful else 422), outcome.as_json()


async def _drain(admin: AdminHandler, http_request: web.BaseRequest) -> Result:
    admin.drain()
    return 202, {"status": "draining"}


async def _metrics(admin: AdminHandler, http_request: web.BaseRequest) -> Result:
    return 200, RawBody(*await admin.metrics(http_request.headers.get("Accept", "")))


async def _show(admin: AdminHandler, http_request: web.BaseRequest) -> Result:
    return 200, _config(admin, http_request)


def _config(admin: AdminHandler, http_request: web.BaseRequest) -> dict[str, Any]:
    last = admin.last_reload()
    problems = list(last.problems) if admin.may_see_problems(http_request) else []
    return {
        "generation": last.generation,
        "hash": last.digest,
        "last_reload_successful": last.is_successful,
        **({"problems": problems} if problems else {}),
    }


_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Open to any Host: the kubelet and Prometheus reach them by the pod's address or a service's name."""

_ROUTES: Mapping[str, tuple[str, Callable[[AdminHandler, web.BaseRequest], Awaitable[Result]]]] = {
    "/healthz": ("GET", _healthz),
    "/readyz": ("GET", _readyz),
    "/metrics": ("GET", _metrics),
    "/admin/config": ("GET", _show),
    "/admin/reload": ("POST", _reload),
    "/admin/drain": ("POST", _drain),
}
