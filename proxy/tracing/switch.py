"""Decides from OpenTelemetry's environment variables whether to trace, and loads `otel.py` only then."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

from structlog.typing import FilteringBoundLogger

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SUPPORTED_PROTOCOL = "http/protobuf"
_URL = re.compile(r"https?://(?:[^/?#@]*@)?(?P<host>[\w.-]+(?::\d{1,5})?|\[[\da-fA-F:.]+\](?::\d{1,5})?)(?:[/?#]\S*)?")
_PACKAGES = "opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
"""Those of the extra `otel`."""


class Tracing(Protocol):
    """The two middlewares that create the spans, and the export of the spans."""

    @property
    def request_middleware(self) -> Any:
        """The middleware that runs outermost."""

    @property
    def attempt_middleware(self) -> Any:
        """The middleware that runs innermost, once per attempt."""

    async def close(self) -> None:
        """Export the remaining spans, within a time limit."""


class TracingUnavailableError(Exception):
    """Tracing is requested but not possible. The message is the reason."""


def start_tracing(environ: Mapping[str, str], log: FilteringBoundLogger) -> Tracing | None:
    """Start tracing if the environment requests it. Otherwise, or with a warning if it fails, return None."""
    name = next((name for name in _ENDPOINTS if environ.get(name)), None)
    if name is None or not _is_enabled(environ):
        return None
    try:
        collector = _collector(name, environ)
        tracing: Tracing = _import_otel().start(log)
    except (TracingUnavailableError, ValueError) as error:  # ValueError: one of the SDK's other variables
        log.warning("tracing_unavailable", reason=str(error))
        return None
    log.info("tracing_started", collector=collector)
    return tracing


def _is_enabled(environ: Mapping[str, str]) -> bool:
    exporters = environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    return not disabled and "otlp" in [each.strip() for each in exporters.split(",")]


def _collector(name: str, environ: Mapping[str, str]) -> str:
    """Return the collector as host or host:port. The rest of the URL may contain a key."""
    protocol = next((value for each in _PROTOCOLS if (value := environ.get(each))), _SUPPORTED_PROTOCOL)
    if protocol != _SUPPORTED_PROTOCOL:
        raise TracingUnavailableError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}; only {_SUPPORTED_PROTOCOL} is supported"
        )
    url = _URL.fullmatch(environ[name])
    if url is None:
        raise TracingUnavailableError(f"{name} is not an http:// or https:// URL")
    return url["host"]


def _import_otel() -> Any:
    try:
        return import_module("proxy.tracing.otel")
    except ModuleNotFoundError as missing:
        raise TracingUnavailableError(f"{missing.name} is not installed: pip install {_PACKAGES}") from missing
    except ImportError as broken:  # an incompatible version
        part = broken.name or "opentelemetry"
        raise TracingUnavailableError(f"{part} is incompatible: pip install --upgrade {_PACKAGES}") from broken
