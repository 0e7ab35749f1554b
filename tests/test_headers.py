"""What crosses the proxy in either direction."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from proxy.dialects import DIALECTS
from proxy.headers import combine_repeated, to_downstream, to_upstream
from tests.faults.rehearsal import rehearsal, routing_yaml
from tests.faults.server import FIN, RECV, http_response, send
from tests.faults.wire_formats import CLOSING, WIRE_FORMATS

OWN = ("openai-", "x-stainless-")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ["User-Agent", "Idempotency-Key", "traceparent", "tracestate", "X-Client-Request-Id"])
def test_what_every_provider_may_see_crosses(name: str, dialect: str) -> None:
    assert to_upstream(CIMultiDict({name: "v"}), DIALECTS[dialect].forwarded_header_prefixes) == {name.lower(): "v"}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("name", "vendor"),
    [
        ("OpenAI-Organization", "openai"), ("OPENAI-BETA", "openai"), ("X-Stainless-Lang", "openai"),
        ("anthropic-version", "anthropic"), ("Anthropic-Beta", "anthropic"),
    ],
)  # fmt: skip
def test_what_is_for_one_vendor_goes_to_no_other(name: str, vendor: str, dialect: str) -> None:
    crossing = to_upstream(CIMultiDict({name: "v"}), DIALECTS[dialect].forwarded_header_prefixes)
    assert crossing == ({name.lower(): "v"} if dialect == vendor else {})


@pytest.mark.parametrize(
    ("lines", "crossing"),
    [
        ([("OpenAI-Beta", "a=1"), ("openai-beta", "b=2")], {"openai-beta": "a=1, b=2"}),
        ([("tracestate", "a=1"), ("tracestate", "b=2"), ("tracestate", "c=3")], {"tracestate": "a=1, b=2, c=3"}),
        ([("User-Agent", "one"), ("User-Agent", "two")], {"user-agent": "two"}),
        ([("OpenAI-Beta", "a"), ("Connection", "x"), ("Connection", "close, OPENAI-BETA")], {}),
    ],
)
def test_lines_of_one_header_are_joined_where_it_is_a_list(
    lines: list[tuple[str, str]], crossing: dict[str, str]
) -> None:
    assert to_upstream(CIMultiDict(lines), OWN) == crossing


def test_lines_of_one_response_header_are_joined_where_it_is_a_list() -> None:
    lines = [("X-RateLimit-Limit", "10"), ("x-ratelimit-limit", "100;w=60"), ("Retry-After", "1"), ("Retry-After", "2")]
    assert combine_repeated(CIMultiDict(lines)) == {"x-ratelimit-limit": "10, 100;w=60", "retry-after": "2"}
    assert combine_repeated(CIMultiDict({"Date": "now"})) == {"date": "now"}


@pytest.mark.parametrize("dialect", WIRE_FORMATS)
async def test_over_the_wire_each_vendor_gets_its_own_headers_and_repeated_lines_are_whole(dialect: str) -> None:
    limits = f"{CLOSING}X-RateLimit-Limit: 10\r\nX-RateLimit-Limit: 100\r\n"
    sent = CIMultiDict(
        [("OpenAI-Organization", "org-1"), ("OpenAI-Beta", "a"), ("OpenAI-Beta", "b"), ("X-Stainless-OS", "x"),
         ("Anthropic-Beta", "c"), ("Anthropic-Beta", "d"), ("User-Agent", "app/1")]
    )  # fmt: skip
    own = {
        "openai": {"openai-organization": "org-1", "openai-beta": "a, b", "x-stainless-os": "x"},
        "anthropic": {"anthropic-beta": "c, d", "anthropic-version": "2023-06-01"},
    }
    script = [RECV, send(http_response(WIRE_FORMATS[dialect].body, headers=limits)), FIN]
    async with rehearsal(routing_yaml(dialect, alone=True), [script]) as running:
        told = await running.send_chat(False, sent)
        (got,) = running.servers[0].requests
    assert (told.status, told.headers["X-RateLimit-Limit"]) == (200, "10, 100")
    vendors = ("openai-", "anthropic-", "x-stainless-")
    assert {name: value for name, value in got.headers.items() if name.startswith(vendors)} == own[dialect]
    assert got.headers["user-agent"] == "app/1"


@pytest.mark.parametrize(
    "name",
    ["Authorization", "x-api-key", "api-key", "Cookie", "Host", "Content-Length", "Transfer-Encoding", "Connection",
     "X-Forwarded-For", "X-Provider", "X-Routing-Strategy", "X-Request-Id", "X-Anything-New", "Proxy-Authorization"],
)  # fmt: skip
def test_what_is_the_callers_own_stays(name: str) -> None:
    assert to_upstream(CIMultiDict({name: "v"}), OWN) == {}


@pytest.mark.parametrize(
    "connection", ["user-agent, OpenAI-Beta", " OPENAI-BETA ,User-Agent", "user-agent,openai-beta"]
)
def test_what_connection_lists_goes_no_further(connection: str) -> None:
    headers = CIMultiDict({"Connection": connection, "User-Agent": "a", "OpenAI-Beta": "b", "traceparent": "c"})
    assert to_upstream(headers, OWN) == {"traceparent": "c"}


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "a\0b", "\x7f"])
def test_a_value_that_would_break_a_header_is_left_out(value: str) -> None:
    assert to_upstream(CIMultiDict({"User-Agent": value}), OWN) == {}
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
