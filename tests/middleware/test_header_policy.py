"""Control headers stop at the proxy; of the provider's headers only the listed ones reach the caller."""

from __future__ import annotations

import pytest

from proxy.errors import InvalidHeaderError, ParrotError
from proxy.exchange import Exchange
from proxy.messages import Response
from proxy.middleware.header_policy import HeaderPolicy
from proxy.routing.policy import Policy
from tests.fakes import exchange, exchange_with_attempt, request, run_request


def parsed(headers: dict[str, str]) -> Exchange:
    """Return an exchange whose headers were parsed."""
    one = exchange(request(headers))
    HeaderPolicy().before(one)
    return one


def test_the_control_headers_are_parsed_into_the_policy() -> None:
    one = parsed({"x-provider-fallbacks": "C, a", "X-Routing-Strategy": "automatic"})
    assert (one.policy.provider_fallbacks, one.policy.routing_strategy) == (("c", "a"), "automatic")
    assert one.control_headers == {"X-Provider-Fallbacks": "C, a", "X-Routing-Strategy": "automatic"}


@pytest.mark.parametrize(
    ("header", "value", "message"),
    [
        ("X-Provider", "nobody", "no provider 'nobody'; allowed: a, b, c"),
        ("X-Routing-Strategy", "cheapest", "'cheapest' is not one of automatic, geographic"),
        ("X-Data-Residency", "MOON", "no zone 'MOON'"),
        ("X-Google-Safety-Settings", "[]", "is not an object"),
    ],
)
def test_an_invalid_header_is_a_400_that_names_it(header: str, value: str, message: str) -> None:
    with pytest.raises(InvalidHeaderError, match=message) as caught:
        parsed({header: value})
    assert (caught.value.status, caught.value.param) == (400, header)


@pytest.mark.parametrize("sent", ["req-1", "a b", "", "x" * 129, "\udcff"])
def test_no_request_id_refuses_the_request(sent: str) -> None:
    assert parsed({"X-Request-Id": sent}).policy == Policy()


SENT = {"x-ratelimit-limit-requests": "5", "set-cookie": "a=b", "server": "x", "x-request-id": "up-1"}
RETURNED = {"x-ratelimit-limit-requests": "5", "x-provider-request-id": "up-1"}


@pytest.mark.parametrize("body", [b"{}", None])
def test_only_listed_headers_of_the_provider_reach_the_caller(body: bytes | None) -> None:
    response = Response(200, dict(SENT), body)
    HeaderPolicy().after(exchange_with_attempt(), response)
    assert response.headers == RETURNED


@pytest.mark.parametrize("status", [200, 400])
async def test_only_listed_headers_reach_the_caller_through_the_pipeline(status: int) -> None:
    one = exchange()
    one.runtime.transport.rows.append((status, SENT))
    client = await run_request(one)
    assert client.status == status
    assert RETURNED.items() <= client.headers.items()
    assert "Set-Cookie" not in client.headers and client.headers.get("Server") != "x"


def test_headers_of_the_sidecars_own_errors_stay() -> None:
    response = Response(503, {"Retry-After": "1"}, b"", error=ParrotError("full"))
    HeaderPolicy().after(exchange_with_attempt(), response)
    assert response.headers == {"Retry-After": "1"}


def test_headers_of_a_local_endpoint_stay() -> None:
    response = Response(200, {"Content-Security-Policy": "default-src 'self'"}, b"")
    HeaderPolicy().after(exchange(), response)
    assert response.headers == {"Content-Security-Policy": "default-src 'self'"}
