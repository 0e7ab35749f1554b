"""The error for an unexpected exception, wherever in a request it is raised."""

from __future__ import annotations

from structlog.typing import FilteringBoundLogger

from proxy.errors import ParrotError
from proxy.exchange import Exchange


def internal_error(exchange: Exchange, error: Exception) -> ParrotError:
    """Log an unexpected exception, with its traceback. Return what the caller may know of it."""
    return log_internal_error(exchange.runtime.log, error, request_id=exchange.id)


def log_internal_error(log: FilteringBoundLogger, error: Exception, **fields: str) -> ParrotError:
    """Do the same for a request that has no `Exchange`, and is identified by these fields."""
    log.error("request_unhandled_error", **fields, exc_info=error)
    return ParrotError("internal error; see the sidecar's log")
