"""What crosses the proxy in either direction."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from proxy.headers import to_downstream, to_upstream


@pytest.mark.parametrize(
    "name",
    ["User-Agent", "Idempotency-Key", "traceparent", "tracestate", "X-Client-Request-Id", "OpenAI-Organization",
     "OpenAI-Beta", "anthropic-version", "X-Stainless-Lang"],
)  # fmt: skip
def test_what_a_provider_may_see_crosses(name: str) -> None:
    assert to_upstream(CIMultiDict({name: "v"})) == {name.lower(): "v"}


@pytest.mark.parametrize(
    "name",
    ["Authorization", "x-api-key", "api-key", "Cookie", "Host", "Content-Length", "Transfer-Encoding", "Connection",
     "X-Forwarded-For", "X-Provider", "X-Routing-Strategy", "X-Request-Id", "X-Anything-New", "Proxy-Authorization"],
)  # fmt: skip
def test_what_is_the_callers_own_stays(name: str) -> None:
    assert to_upstream(CIMultiDict({name: "v"})) == {}


@pytest.mark.parametrize(
    "connection", ["user-agent, OpenAI-Beta", " OPENAI-BETA ,User-Agent", "user-agent,openai-beta"]
)
def test_what_connection_lists_goes_no_further(connection: str) -> None:
    headers = CIMultiDict({"Connection": connection, "User-Agent": "a", "OpenAI-Beta": "b", "traceparent": "c"})
    assert to_upstream(headers) == {"traceparent": "c"}


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "a\0b", "\x7f"])
def test_a_value_that_would_break_a_header_is_left_out(value: str) -> None:
    assert to_upstream(CIMultiDict({"User-Agent": value})) == {}
    assert to_downstream(CIMultiDict({"Retry-After": value})) == {}


@pytest.mark.parametrize(
    "name",
    ["Retry-After", "retry-after-ms", "x-should-retry", "openai-processing-ms", "CF-Ray",
     "x-ratelimit-remaining-tokens", "anthropic-ratelimit-requests-limit"],
)  # fmt: skip
def test_what_describes_the_answer_comes_back(name: str) -> None:
    assert to_downstream(CIMultiDict({name: "v"})) == {name.lower(): "v"}


@pytest.mark.parametrize("name", ["Set-Cookie", "Server", "Content-Encoding", "openai-organization", "Via", "Date"])
def test_the_providers_own_plumbing_does_not_come_back(name: str) -> None:
    assert to_downstream(CIMultiDict({name: "v"})) == {}


@pytest.mark.parametrize("name", ["x-request-id", "Request-Id"])
def test_the_providers_request_id_comes_back_under_a_name_of_its_own(name: str) -> None:
    assert to_downstream(CIMultiDict({name: "req_1\r\n" + "x" * 300})) == {"x-provider-request-id": "req_1" + "x" * 251}
