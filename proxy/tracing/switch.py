"""Whether traces are wanted, by OpenTelemetry's own variables, and whether they can be had."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

from structlog.typing import FilteringBoundLogger

from proxy.exchange import Attempt, Exchange, Handler
from proxy.messages import Response

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SUPPORTED_PROTOCOL = "http/protobuf"
_URL = re.compile(r"https?://(?:[^/?#@]*@)?(?P<host>[\w.-]+(?::\d{1,5})?|\[[\da-fA-F:.]+\](?::\d{1,5})?)(?:[/?#]\S*)?")


class Tracing(Protocol):
    """Two middlewares, one around all others and one within them, and what they share."""

    async def trace_request(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        """Makes the request's span."""

    async def trace_attempt(self, attempt: Attempt, handler: Handler[Attempt]) -> Response:
        """Makes the attempt's span, and names it to the provider."""

    async def close(self) -> None:
        """Sends what is left, if that takes no longer than a moment."""


class TracingUnavailableError(Exception):
    """Traces are wanted and cannot be had; the text says why."""


def start_tracing(environ: Mapping[str, str], log: FilteringBoundLogger) -> Tracing | None:
    """What makes the traces; None where there are none to be made, with a warning if they were asked for."""
    name = next((name for name in _ENDPOINTS if environ.get(name)), None)
    if name is None or not _enabled(environ):
        return None
    try:
        collector = _collector(name, environ)
        made: Tracing = _import_otel().start(log)
    except (TracingUnavailableError, ValueError) as error:  # ValueError: one of the SDK's other variables
        log.warning("tracing_unavailable", reason=str(error))
        return None
    log.info("tracing_started", collector=collector)
    return made


def _enabled(environ: Mapping[str, str]) -> bool:
    exporters = environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return not disabled and "otlp" in [each.strip() for each in exporters.split(",")]


def _collector(name: str, environ: Mapping[str, str]) -> str:
    """Who is sent the traces, as host or host:port: the rest of the URL may hold a key."""
    spoken = next((value for each in _PROTOCOLS if (value := environ.get(each))), _SUPPORTED_PROTOCOL)
    if spoken != _SUPPORTED_PROTOCOL:
        raise TracingUnavailableError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {spoken}; only {_SUPPORTED_PROTOCOL} is spoken here"
        )
    found = _URL.fullmatch(environ[name])
    if found is None:
        raise TracingUnavailableError(f"{name} is no http:// or https:// URL")
    return found["host"]


def _import_otel() -> Any:
    try:
        return import_module("proxy.tracing.otel")
    except ModuleNotFoundError as missing:
        raise TracingUnavailableError(f"{missing.name} is not here: pip install 'parrot-sidecar[otel]'") from missing
    except ImportError as broken:  # of another version than the rest
        part = broken.name or "opentelemetry"
        raise TracingUnavailableError(f"{part} does not fit: pip install --upgrade 'parrot-sidecar[otel]'") from broken
