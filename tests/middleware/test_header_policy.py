"""Control headers stop at the proxy; of the rest only what the lists allow crosses, in both directions."""

from __future__ import annotations

import orjson
import pytest

from proxy.errors import InvalidHeaderError
from proxy.messages import Response
from proxy.middleware.header_policy import HeaderPolicy
from tests.fakes import BODY, ScriptedHandler, exchange, request


async def passed(headers, answer=None):
    made = exchange(request(orjson.dumps(BODY), headers))
    response = await HeaderPolicy()(made, ScriptedHandler([Response(200, answer or {}, b"{}")]))
    return made, response


async def test_the_policy_of_the_headers_is_read():
    made, _ = await passed({"x-provider-fallbacks": "C, a", "X-Routing-Strategy": "automatic"})
    assert (made.policy.provider_fallbacks, made.policy.routing_strategy) == (("c", "a"), "automatic")
    assert made.control_headers == {"X-Provider-Fallbacks": "C, a", "X-Routing-Strategy": "automatic"}


@pytest.mark.parametrize(
    "header, value, said",
    [
        ("X-Provider", "nobody", "no provider 'nobody'; allowed: a, b, c"),
        ("X-Routing-Strategy", "cheapest", "'cheapest' is not one of automatic, geographic"),
        ("X-Data-Residency", "MOON", "no zone 'MOON'"),
        ("X-Google-Safety-Settings", "[]", "is not an object"),
        ("X-Request-Id", "a b", "must be 1 to 128"),
        ("X-Request-Id", "", "must be 1 to 128"),
        ("X-Request-Id", "x" * 129, "must be 1 to 128"),
    ],
)
async def test_a_header_that_cannot_be_honoured_is_a_400_that_names_it(header, value, said):
    with pytest.raises(InvalidHeaderError, match=said) as caught:
        await passed({header: value})
    assert (caught.value.status, caught.value.param) == (400, header)


async def test_only_listed_headers_come_back():
    _, response = await passed(
        {}, {"x-ratelimit-limit-requests": "5", "Set-Cookie": "a=b", "Server": "x", "x-request-id": "up-1"}
    )
    assert response.headers == {"x-ratelimit-limit-requests": "5", "x-provider-request-id": "up-1"}
