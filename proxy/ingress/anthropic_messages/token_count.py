"""The count of a request's tokens, where nobody counts them: the sidecar's own estimate."""

from __future__ import annotations

import orjson

from proxy.errors import NoEligibleProviderError, ParrotError, UpstreamError

_TEMPORARY = 429
"""From this status on an error says nothing about the request."""


def estimated_count(error: ParrotError, prompt_tokens: int) -> bytes | None:
    """Return the estimate in place of an error that is not about the request, otherwise None."""
    is_temporary = error.status >= _TEMPORARY and (isinstance(error, UpstreamError) or error.type in _OF_PROVIDERS)
    if not (isinstance(error, NoEligibleProviderError) or is_temporary):
        return None
    return orjson.dumps({"input_tokens": max(1, prompt_tokens)})


_OF_PROVIDERS = ("upstream_error", "rate_limit_error")
"""Types of errors that sum up those of several providers."""
