"""HTTP API of the sandbox: lists the simulated providers, and sets and clears their faults.

- `GET /`: all providers and the available faults
- `GET /providers/NAME`: one provider
- `PUT /providers/NAME`: set a fault, such as {"fault": "status", "status": 503}
- `DELETE /providers/NAME/fault`: clear it
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import orjson
from aiohttp import web

from proxy.errors import ForbiddenError
from proxy.host_origin import check_host, check_origin
from proxy.sandbox.faults import FAULTS, InvalidFaultError, parse_fault
from proxy.sandbox.scenario import Fault, Scenario


class FaultTarget(Protocol):
    """The part of `Sandbox` that this API uses."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the providers."""

    def base_url(self, name: str) -> str:
        """Return the URL for the provider's `base_url`."""

    def scenario(self, name: str) -> Scenario:
        """Return how the provider behaves now."""

    async def set_fault(self, name: str, fault: Fault | None) -> None:
        """Set the provider's fault. None clears it."""


Command = Callable[[FaultTarget, web.BaseRequest, str], Awaitable[Any]]


class _CommandError(Exception):
    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "field": field}}


async def handle(sandbox: FaultTarget, request: web.BaseRequest) -> web.StreamResponse:
    """Run one command and return its result, or the error, as JSON."""
    try:
        check_host(request.headers, "use localhost")
        check_origin(request.headers, (), "use a command line client")
        command, name = _command(sandbox, request)
        return _json(200, await command(sandbox, request, name))
    except ForbiddenError as error:
        return _json(error.status, {"error": {"message": error.message, "field": None}})
    except _CommandError as error:
        return _json(error.status, error.body)


async def _overview(sandbox: FaultTarget, request: web.BaseRequest, name: str) -> Any:
    faults = {fault: kind.options for fault, kind in FAULTS.items()}
    return {"providers": {name: _state(sandbox, name) for name in sandbox.names}, "faults": faults}


async def _show(sandbox: FaultTarget, request: web.BaseRequest, name: str) -> Any:
    return _state(sandbox, name)


async def _set_fault(sandbox: FaultTarget, request: web.BaseRequest, name: str) -> Any:
    try:
        fault = parse_fault(orjson.loads(await request.content.read()))
    except InvalidFaultError as error:
        raise _CommandError(400, str(error), error.field) from error
    except orjson.JSONDecodeError as error:
        raise _CommandError(400, f"body: not valid JSON: {error}", "body") from error
    await sandbox.set_fault(name, fault)
    return _state(sandbox, name)


async def _clear_fault(sandbox: FaultTarget, request: web.BaseRequest, name: str) -> Any:
    await sandbox.set_fault(name, None)
    return _state(sandbox, name)


def _state(sandbox: FaultTarget, name: str) -> dict[str, Any]:
    scenario = sandbox.scenario(name)
    delays = {"latency": scenario.latency_s, "chunk_delay": scenario.chunk_delay_s}
    return {"base_url": sandbox.base_url(name), **delays, "fault": _fault_as_json(scenario.fault)}


def _fault_as_json(fault: Fault | None) -> dict[str, Any] | None:
    """Return the fault as a PUT would contain it, with all options of its kind."""
    if fault is None:
        return None
    return {member: getattr(fault, member) for member in ("fault", *FAULTS[fault.fault].options)}


def _command(sandbox: FaultTarget, request: web.BaseRequest) -> tuple[Command, str]:
    for method, pattern, command in _COMMANDS:
        match = re.fullmatch(pattern, request.path) if method == request.method else None
        if match:
            return command, _check_name(sandbox, match.groupdict().get("name"))
    raise _CommandError(404, f"unknown path {request.method} {request.path}; {_USAGE}")


def _check_name(sandbox: FaultTarget, name: str | None) -> str:
    if name is not None and name not in sandbox.names:
        raise _CommandError(404, f"unknown provider {name!r}; available: {', '.join(sandbox.names)}")
    return name or ""


def _json(status: int, value: Any) -> web.Response:
    return web.Response(
        status=status, body=orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n", content_type="application/json"
    )


_COMMANDS: tuple[tuple[str, str, Command], ...] = (
    ("GET", r"/", _overview),
    ("GET", r"/providers/(?P<name>[^/]+)", _show),
    ("PUT", r"/providers/(?P<name>[^/]+)", _set_fault),
    ("DELETE", r"/providers/(?P<name>[^/]+)/fault", _clear_fault),
)
_USAGE = 'available: GET /, GET /providers/NAME, PUT /providers/NAME {"fault": …}, DELETE /providers/NAME/fault'
