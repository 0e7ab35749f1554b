"""Which accounts are asked for a response that is not kept here. The rest is in tests/test_stored_responses.py."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.control.responses import PATH, respond
from proxy.errors import ConnectError, NotFoundError, ParrotError
from proxy.exchange import Exchange
from proxy.messages import Request, Response
from proxy.state.responses import Holder, KeptResponse
from tests.fakes import FakeTransport, exchange
from tests.files import load_snapshot

FILE = """
providers:
  a: {dialect: openai, base_url: "https://a/v1", api_key: k-a, path: /chat}
  b: {dialect: openai, base_url: "https://b/v1", api_key: [k-b1, k-b2]}
  c: {dialect: anthropic, base_url: "https://c", api_key: k-c}
  d: {dialect: openai, base_url: "https://d/v1", api_key: "${MISSING}"}
models: {m: {a: x, b: x, c: x, d: x}}
"""
BODY = b'{"id": "resp_1"}'


def asked(rows: list[Any], method: str = "GET", path: str = "resp_1") -> Exchange:
    """Return the exchange of a request for a response, to providers that answer with these rows."""
    head = Request(method, PATH + path, {})
    return exchange(head, transport=FakeTransport(rows), snap=load_snapshot(FILE))


async def answer(one: Exchange) -> Response:
    found = respond(one)
    return found if isinstance(found, Response) else await found


def keys(one: Exchange) -> list[str]:
    transport: Any = one.runtime.transport
    return [request.headers["authorization"].removeprefix("Bearer ") for request in transport.sent]


async def test_accounts_are_asked_until_one_knows_the_response() -> None:
    one = asked([404, (404, {}), (200, {}, [BODY])])
    assert (await answer(one)).body == BODY
    transport: Any = one.runtime.transport
    assert keys(one) == ["k-a", "k-b1", "k-b2"]
    assert [request.url for request in transport.sent] == ["https://a/v1/responses/resp_1"] + [
        "https://b/v1/responses/resp_1"
    ] * 2


async def test_one_that_no_account_knows_is_a_404() -> None:
    with pytest.raises(NotFoundError, match="Response with id 'resp_1' not found"):
        await answer(asked([404, 404, 404]))


async def test_only_the_holder_is_asked_where_it_is_known() -> None:
    pool = load_snapshot(FILE).providers["b"].pool
    assert pool is not None
    one = asked([(200, {}, [BODY])], "DELETE")
    one.runtime.responses.put("resp_1", KeptResponse(None, Holder("b", "global", pool.keys[1].label)), 100.0)
    assert (await answer(one)).status == 200 and keys(one) == ["k-b2"]
    assert one.runtime.responses.size == 0


async def test_an_error_of_the_provider_is_the_callers() -> None:
    with pytest.raises(ParrotError) as caught:
        await answer(asked([401, 404, 404]))
    assert caught.value.status >= 400


async def test_an_account_that_fails_does_not_hide_one_that_knows_the_response() -> None:
    assert (await answer(asked([500, ConnectError("no"), (200, {}, [BODY])]))).body == BODY


async def test_accounts_that_the_caller_may_not_use_are_not_asked() -> None:
    one = asked([(200, {}, [BODY])])
    one.control_headers = {"X-Exclude-Providers": "a"}
    assert (await answer(one)).body == BODY and keys(one) == ["k-b1"]


@pytest.mark.parametrize("path", ["", "a/b", "resp_1/", "resp_1/cancel", "resp%201", "x" * 129])
async def test_a_path_that_is_no_response_is_a_404(path: str) -> None:
    with pytest.raises(NotFoundError, match="unknown path GET"):
        await answer(asked([], path=path))
