"""How much of a provider's response is kept, and the error of one that has more."""

from __future__ import annotations

from proxy.errors import ResponseTooLargeError

MAX_RESPONSE_BYTES = 64 * 2**20
MAX_ERROR_BODY_BYTES = 64 * 2**10
"""More of an error is not read, as status and headers say what it is."""
MAX_HELD_BACK_BYTES = 64 * 2**10
MAX_REQUEST_ECHO_FACTOR = 4
"""Events before the first content may be this many times as large as the request: `response.created` and the like repeat it."""

MAX_DRAINED_BYTES = 64 * 2**10
DRAIN_TIMEOUT_S = 1.0
"""How much more of a response is read, and for how long, when nothing of it is needed."""


def max_held_back_bytes(request: bytes) -> int:
    """Return how many bytes a stream may have before its first content, for a request with that body."""
    return MAX_HELD_BACK_BYTES + MAX_REQUEST_ECHO_FACTOR * len(request)


def response_too_large() -> ResponseTooLargeError:
    """Return the error of an answer over `MAX_RESPONSE_BYTES`."""
    limit = f"{MAX_RESPONSE_BYTES // 2**20} MiB, the limit of a response that is not streamed"
    return ResponseTooLargeError(f"the provider's response is over {limit}")
