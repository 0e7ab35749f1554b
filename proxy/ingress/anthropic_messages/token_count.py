"""The count of a request's tokens, where no provider counts them: the sidecar's own estimate."""

from __future__ import annotations

import orjson

from proxy.errors import ParrotError
from proxy.ingress.token_estimate import may_estimate


def estimated_count(error: ParrotError, prompt_tokens: int) -> bytes | None:
    """Return the estimate in place of an error that is not about the request, otherwise None."""
    return orjson.dumps({"input_tokens": max(1, prompt_tokens)}) if may_estimate(error) else None
