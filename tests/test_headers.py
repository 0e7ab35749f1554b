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
     "x-ratelimit-remaining-tokens", "anthropic-ratelimit-input-tokens-limit", "x-endpoint-monthly-call-limit"],
)  # fmt: skip
def test_what_describes_the_answer_comes_back(name: str) -> None:
    assert to_downstream(CIMultiDict({name: "v"})) == {name.lower(): "v"}


NOON = "Sun, 22 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("name", "value", "known", "told"),
    [
        ("anthropic-ratelimit-requests-limit", "50", "x-ratelimit-limit-requests", "50"),
        ("anthropic-ratelimit-tokens-remaining", "4000", "x-ratelimit-remaining-tokens", "4000"),
        ("anthropic-ratelimit-tokens-reset", "2026-11-22T12:01:30Z", "x-ratelimit-reset-tokens", "90s"),
        ("anthropic-ratelimit-requests-reset", "2026-11-22T13:00:00.500+01:00", "x-ratelimit-reset-requests", "0.5s"),
        ("anthropic-ratelimit-requests-reset", "2026-11-22T11:00:00", "x-ratelimit-reset-requests", "0s"),
        ("x-ratelimit-limit-req-minute", "60", "x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-req-minute", "59", "x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-limit-tokens-minute", "9", "x-ratelimit-limit-tokens", "9"),
        ("x-ratelimit-remaining-tokens-minute", "8", "x-ratelimit-remaining-tokens", "8"),
        ("x-trial-endpoint-call-limit", "40", "x-ratelimit-limit-requests", "40"),
        ("x-trial-endpoint-call-remaining", "39", "x-ratelimit-remaining-requests", "39"),
    ],
)
def test_limits_come_back_under_openais_names_as_well(name: str, value: str, known: str, told: str) -> None:
    assert to_downstream(CIMultiDict({name: value, "Date": NOON})) == {name: value, known: told}


def test_a_limit_that_openai_names_itself_is_left_alone() -> None:
    both = {"x-ratelimit-limit-requests": "1", "x-ratelimit-limit-req-minute": "2"}
    assert to_downstream(CIMultiDict(both)) == both


@pytest.mark.parametrize(
    ("value", "date"), [("soon", NOON), ("2026-11-22T12:00:00Z", ""), ("2026-11-22T12:00:00Z", "?")]
)
def test_a_moment_that_cannot_be_held_against_the_answers_date_keeps_its_own_name_alone(value: str, date: str) -> None:
    sent = {"anthropic-ratelimit-tokens-reset": value}
    assert to_downstream(CIMultiDict({**sent, "Date": date})) == sent


@pytest.mark.parametrize(
    ("wait", "told"),
    [
        ("46", "46"),
        ("46.3", "47"),
        ("0", "0"),
        ("Sun, 22 Nov 2026 12:00:30 GMT", "30"),
        ("Sun, 22 Nov 2026 11:00:00 GMT", "0"),
        ("soon", "soon"),
        ("1e3", "1e3"),
    ],
)
def test_retry_after_comes_back_as_whole_seconds(wait: str, told: str) -> None:
    assert to_downstream(CIMultiDict({"Retry-After": wait, "Date": NOON})) == {"retry-after": told}


def test_a_date_without_one_to_hold_it_against_stays_a_date() -> None:
    assert to_downstream(CIMultiDict({"Retry-After": NOON})) == {"retry-after": NOON}


@pytest.mark.parametrize("name", ["Set-Cookie", "Server", "Content-Encoding", "openai-organization", "Via", "Date"])
def test_the_providers_own_plumbing_does_not_come_back(name: str) -> None:
    assert to_downstream(CIMultiDict({name: "v"})) == {}


@pytest.mark.parametrize("name", ["x-request-id", "Request-Id"])
def test_the_providers_request_id_comes_back_under_a_name_of_its_own(name: str) -> None:
    assert to_downstream(CIMultiDict({name: "req_1\r\n" + "x" * 300})) == {"x-provider-request-id": "req_1" + "x" * 251}
