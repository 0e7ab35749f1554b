"""The admin listener: Kubernetes probes and metrics for all clients, reload and drain for loopback or with the admin key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from ipaddress import ip_address
from typing import Any

import orjson
from aiohttp import web
from structlog.typing import FilteringBoundLogger

from proxy.config.units import Secret
from proxy.errors import ForbiddenError, MethodNotAllowedError, NotFoundError, ParrotError
from proxy.host_origin import check_host, check_origin
from proxy.internal_error import log_internal_error
from proxy.reload import ReloadOutcome

Result = tuple[int, Any]
"""HTTP status, and a JSON value or a `RawBody`."""


@dataclass(frozen=True, slots=True)
class RawBody:
    """A response body that is already serialised."""

    body: bytes
    content_type: str


_KEY_HINT = "send Authorization: Bearer with the file's admin: key"


async def _no_metrics(accept: str) -> tuple[bytes, str]:
    return b"", "text/plain"


@dataclass(frozen=True, slots=True)
class AdminHandler:
    """Handles the requests of the admin listener. Readiness does not depend on the providers' health."""

    last_reload: Callable[[], ReloadOutcome]
    reload: Callable[[], Awaitable[ReloadOutcome]]
    drain: Callable[[], None]
    ready: Callable[[], bool]
    log: FilteringBoundLogger
    key: Secret | None = None
    metrics: Callable[[str], Awaitable[tuple[bytes, str]]] = _no_metrics
    """Accept header -> metrics as text, and their content type."""

    async def __call__(self, http_request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. Errors become JSON bodies."""
        headers: Mapping[str, str] = {}
        try:
            status, body = await self._respond(http_request)
        except ParrotError as error:
            status, body, headers = error.status, {"error": error.members()}, error.headers
        except Exception as error:  # noqa: BLE001 (aiohttp's answer would not be JSON, and nothing logged)
            internal = log_internal_error(self.log, error, path=_path_of(http_request))
            status, body = internal.status, {"error": internal.members()}
        text = body if isinstance(body, RawBody) else RawBody(orjson.dumps(body) + b"\n", "application/json")
        return web.Response(status=status, body=text.body, headers={**headers, "Content-Type": text.content_type})

    async def _respond(self, http_request: web.BaseRequest) -> Result:
        path = _path_of(http_request)
        if path not in _PROBES:
            self._check_browser(http_request)
        if path not in _ROUTES:
            raise NotFoundError(f"unknown path {path[:256]}; available: {', '.join(_ROUTES)}")
        method, handler = _ROUTES[path]
        allowed = ("GET", "HEAD") if method == "GET" else (method,)
        if http_request.method not in allowed:
            raise MethodNotAllowedError(
                f"method {http_request.method} not allowed; use {method}", headers={"Allow": ", ".join(allowed)}
            )
        if method == "POST":
            self._check_local_or_key(http_request)
        return await handler(self, http_request)

    def _check_browser(self, http_request: web.BaseRequest) -> None:
        """Raise ForbiddenError for a cross-origin or DNS-rebound request without the admin key."""
        if not self._has_key(http_request):
            check_host(http_request.headers, _KEY_HINT)
            check_origin(http_request.headers, (), _KEY_HINT)

    def may_see_problems(self, http_request: web.BaseRequest) -> bool:
        """Return whether configuration errors may be shown: not to web pages of other sites."""
        try:
            self._check_browser(http_request)
        except ForbiddenError:
            return False
        return True

    def _check_local_or_key(self, http_request: web.BaseRequest) -> None:
        """Raise ForbiddenError unless the request comes from loopback and not from a browser, or has the admin key."""
        if self._has_key(http_request):
            return
        is_local = http_request.remote is not None and ip_address(http_request.remote.partition("%")[0]).is_loopback
        if not is_local or "Origin" in http_request.headers:
            raise ForbiddenError("allowed from loopback only, or with Authorization: Bearer and the file's admin: key")

    def _has_key(self, http_request: web.BaseRequest) -> bool:
        return self.key is not None and _matches(http_request.headers.get("Authorization", ""), self.key)


def _path_of(http_request: web.BaseRequest) -> str:
    return http_request.raw_path.partition("?")[0]


def _matches(sent: str, key: Secret) -> bool:
    # Digests of equal length, so that the comparison takes the same time for every key.
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
"""Paths that accept any Host: the kubelet and Prometheus use the pod's address or a service's name."""

_ROUTES: Mapping[str, tuple[str, Callable[[AdminHandler, web.BaseRequest], Awaitable[Result]]]] = {
    "/healthz": ("GET", _healthz),
    "/readyz": ("GET", _readyz),
    "/metrics": ("GET", _metrics),
    "/admin/config": ("GET", _show),
    "/admin/reload": ("POST", _reload),
    "/admin/drain": ("POST", _drain),
}
