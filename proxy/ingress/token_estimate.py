"""When the sidecar's own estimate may take the place of a count of tokens."""

from __future__ import annotations

from proxy.errors import NoEligibleProviderError, ParrotError, UpstreamError

_TEMPORARY = 429
"""From this status on an error says nothing about the request."""
_OF_PROVIDERS = ("upstream_error", "rate_limit_error")
"""Types of errors that sum up those of several providers."""


def may_estimate(error: ParrotError) -> bool:
    """Return whether an error is about the providers alone, neither about the request nor of the sidecar."""
    is_temporary = error.status >= _TEMPORARY and (isinstance(error, UpstreamError) or error.type in _OF_PROVIDERS)
    return isinstance(error, NoEligibleProviderError) or is_temporary
