"""CORS for the web origins that may call from a browser (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from proxy.messages import Headers, Request, Response

EXPOSED = (
    "X-Request-Id", "X-Provider", "X-Provider-Model", "X-Provider-Region", "X-Provider-Attempts", "X-Provider-Request-Id",
    "X-Routing-Strategy", "X-Routing-Warnings", "X-Overhead-Ms", "X-Request-Cost", "X-Should-Retry", "Retry-After",
    *(f"x-ratelimit-{part}-{unit}" for unit in ("requests", "tokens") for part in ("limit", "remaining", "reset")),
    "*",
)  # fmt: skip
"""Response headers that a page may read. `*` stands for all others, unless the page sends cookies."""
_EXPOSED = ", ".join(EXPOSED)
_MAX_AGE_S = 600
"""How long a browser may keep the answer to a preflight."""


def cors_headers(headers: Headers, origins: Collection[str]) -> Mapping[str, str]:
    """Return the headers of every response to a request: none unless it comes from one of these origins."""
    origin = headers.get("Origin")
    if origin is None or origin not in origins:
        return {}
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin", "Access-Control-Expose-Headers": _EXPOSED}


def answer_preflight(request: Request, origins: Collection[str]) -> Response | None:
    """Return the response to a preflight, which has no key, or None for any other request.

    It allows whatever is requested. What the request that follows may do is decided when it comes.
    """
    headers = request.headers
    method = headers.get("Access-Control-Request-Method")
    if request.method != "OPTIONS" or method is None or headers.get("Origin") not in origins:
        return None
    allowed = {"Access-Control-Allow-Methods": method, "Access-Control-Max-Age": str(_MAX_AGE_S)}
    if (names := headers.get("Access-Control-Request-Headers")) is not None:
        allowed["Access-Control-Allow-Headers"] = names
    if headers.get("Access-Control-Request-Private-Network") == "true":
        allowed["Access-Control-Allow-Private-Network"] = "true"
    return Response(204, allowed, b"")
