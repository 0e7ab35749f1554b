"""Reads what a request's headers ask for, and decides which of the response's headers come back."""

from __future__ import annotations

import re
from dataclasses import dataclass

from proxy.dialects import DIALECTS
from proxy.errors import InvalidHeaderError
from proxy.exchange import Exchange, Handler
from proxy.headers import to_downstream
from proxy.messages import Response
from proxy.routing.policy import extract_control_headers, parse_policy

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


@dataclass(frozen=True, slots=True)
class HeaderPolicy:
    """Reads the control headers, which stop here, and returns those response headers that callers may see.

    Which of the request's other headers go on depends on the provider: each attempt selects its own.
    """

    async def __call__(self, exchange: Exchange, handler: Handler[Exchange]) -> Response:
        headers = exchange.request.headers
        # Whoever made the exchange took it, if it is fit to be one.
        if (named := headers.get("X-Request-Id")) is not None and named != exchange.id:
            allowed = "1 to 128 of A-Z a-z 0-9 . _ : -"
            raise InvalidHeaderError(f"X-Request-Id: must be {allowed}", param="X-Request-Id")
        exchange.control_headers = extract_control_headers(headers)
        exchange.policy = parse_policy(exchange.control_headers, exchange.snapshot)
        response = await handler(exchange)
        serving = exchange.winning_attempt
        if serving is None:
            response.headers = to_downstream(response.headers)
        else:
            dialect = DIALECTS[serving.step.target.provider.dialect]
            response.headers = to_downstream(
                response.headers, dialect.returned_header_prefixes, dialect.rate_limit_headers
            )
        return response
