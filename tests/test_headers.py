"""The headers that are forwarded in either direction."""

from __future__ import annotations

import asyncio
from http.client import HTTPConnection
from urllib.parse import urlsplit

import orjson
import pytest
from multidict import CIMultiDict

from proxy.dialects import DIALECTS
from proxy.headers import has_repeated_list, join_repeated, to_downstream, to_upstream
from tests.faults.rehearsal import rehearsal, routing_yaml
from tests.faults.server import FIN, RECV, http_response, send
from tests.faults.wire_formats import CLOSING, WIRE_FORMATS

OWN = ("openai-", "x-stainless-")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ["User-Agent", "Idempotency-Key", "X-Client-Request-Id"])
def test_general_headers_are_sent_to_every_provider(name: str, dialect: str) -> None:
    assert to_upstream(CIMultiDict({name: "v"}), DIALECTS[dialect].forwarded_header_prefixes) == {name.lower(): "v"}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("name", "vendor"),
    [
        ("OpenAI-Organization", "openai"), ("OPENAI-BETA", "openai"), ("X-Stainless-Lang", "openai"),
        ("anthropic-version", "anthropic"), ("Anthropic-Beta", "anthropic"),
    ],
)  # fmt: skip
def test_vendor_headers_are_sent_to_that_vendor_only(name: str, vendor: str, dialect: str) -> None:
    forwarded = to_upstream(CIMultiDict({name: "v"}), DIALECTS[dialect].forwarded_header_prefixes)
    assert forwarded == ({name.lower(): "v"} if dialect == vendor else {})


@pytest.mark.parametrize(
    ("lines", "forwarded"),
    [
        ([("OpenAI-Beta", "a=1"), ("openai-beta", "b=2")], {"openai-beta": "a=1, b=2"}),
        (
            [("Tracestate", "a=1"), ("TraceParent", TRACE), ("tracestate", "b=2"), ("tracestate", "c=3")],
            {"traceparent": TRACE, "tracestate": "a=1,b=2,c=3"},
        ),
        (
            [("traceparent", TRACE), ("traceparent", TRACE), ("tracestate", "a=1"), ("User-Agent", "x")],
            {"user-agent": "x"},
        ),
        ([("User-Agent", "one"), ("User-Agent", "two")], {"user-agent": "two"}),
        ([("OpenAI-Beta", "a"), ("Connection", "x"), ("Connection", "close, OPENAI-BETA")], {}),
    ],
)
def test_repeated_request_headers_are_joined_if_they_are_lists(
    lines: list[tuple[str, str]], forwarded: dict[str, str]
) -> None:
    assert to_upstream(CIMultiDict(lines), OWN) == forwarded


def test_repeated_response_headers_are_joined_if_they_are_lists() -> None:
    names = ["x-ratelimit-limit", "x-ratelimit-limit", "retry-after", "retry-after", "date"]
    joined = {"x-ratelimit-limit": "10, 100;w=60", "retry-after": "2", "date": "now"}
    assert join_repeated(names, ["10", "100;w=60", "1", "2", "now"]) == joined
    assert has_repeated_list(tuple(names)) and not has_repeated_list(("set-cookie", "set-cookie", "date"))


@pytest.mark.parametrize("dialect", WIRE_FORMATS)
async def test_end_to_end_each_vendor_gets_its_own_headers_with_repeated_lines_joined(dialect: str) -> None:
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
        received = await running.send_chat(False, sent)
        (got,) = running.servers[0].requests
    assert (received.status, received.headers["X-RateLimit-Limit"]) == (200, "10, 100")
    vendors = ("openai-", "anthropic-", "x-stainless-")
    assert {name: value for name, value in got.headers.items() if name.startswith(vendors)} == own[dialect]
    assert got.headers["user-agent"] == "app/1"


@pytest.mark.parametrize(
    "name",
    ["Authorization", "x-api-key", "api-key", "Cookie", "Host", "Content-Length", "Transfer-Encoding", "Connection",
     "X-Forwarded-For", "X-Provider", "X-Routing-Strategy", "X-Request-Id", "X-Anything-New", "Proxy-Authorization"],
)  # fmt: skip
def test_other_request_headers_are_not_forwarded(name: str) -> None:
    assert to_upstream(CIMultiDict({name: "v"}), OWN) == {}


@pytest.mark.parametrize(
    "connection", ["user-agent, OpenAI-Beta", " OPENAI-BETA ,User-Agent", "user-agent,openai-beta"]
)
def test_headers_listed_in_connection_are_not_forwarded(connection: str) -> None:
    headers = CIMultiDict({"Connection": connection, "User-Agent": "a", "OpenAI-Beta": "b", "traceparent": TRACE})
    assert to_upstream(headers, OWN) == {"traceparent": TRACE}


@pytest.mark.parametrize(
    "headers", [{"traceparent": f"{TRACE}0"}, {}, {"traceparent": TRACE, "Connection": "close, traceparent"}]
)
def test_without_a_valid_traceparent_tracestate_is_not_forwarded(headers: dict[str, str]) -> None:
    assert to_upstream(CIMultiDict({**headers, "tracestate": "a=1"}), OWN) == {}


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "a\0b", "\x7f"])
def test_values_with_control_characters_are_dropped(value: str) -> None:
    assert to_upstream(CIMultiDict({"User-Agent": value}), OWN) == {}
    assert to_downstream(CIMultiDict({"Retry-After": value})) == {}


def returned(dialect: str, headers: dict[str, str]) -> dict[str, str]:
    """What the caller gets of a response's headers from a provider of that dialect."""
    own = DIALECTS[dialect]
    return to_downstream(CIMultiDict(headers), own.returned_header_prefixes, own.rate_limit_headers)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "name", ["Retry-After", "retry-after-ms", "x-should-retry", "CF-Ray", "x-ratelimit-remaining-tokens"]
)
def test_headers_about_the_response_and_rate_limits_are_forwarded(name: str, dialect: str) -> None:
    assert returned(dialect, {name: "v"}) == {name.lower(): "v"}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("name", "vendors"),
    [
        ("openai-processing-ms", {"openai", "compatible", "meta"}),
        ("anthropic-ratelimit-input-tokens-limit", {"anthropic"}),
        ("x-endpoint-monthly-call-limit", {"cohere"}),
    ],
)
def test_a_vendors_headers_are_forwarded_from_that_vendor_only(name: str, vendors: set[str], dialect: str) -> None:
    assert returned(dialect, {name: "v"}) == ({name: "v"} if dialect in vendors else {})


NOON = "Sun, 22 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("dialect", "name", "value", "openai_name", "received"),
    [
        ("anthropic", "anthropic-ratelimit-requests-limit", "50", "x-ratelimit-limit-requests", "50"),
        ("anthropic", "anthropic-ratelimit-tokens-remaining", "4000", "x-ratelimit-remaining-tokens", "4000"),
        ("anthropic", "anthropic-ratelimit-tokens-reset", "2026-11-22T12:01:30Z", "x-ratelimit-reset-tokens", "90s"),
        (
            "anthropic",
            "anthropic-ratelimit-requests-reset",
            "2026-11-22T13:00:00.500+01:00",
            "x-ratelimit-reset-requests",
            "0.5s",
        ),
        ("anthropic", "anthropic-ratelimit-requests-reset", "2026-11-22T11:00:00", "x-ratelimit-reset-requests", "0s"),
        ("mistral", "x-ratelimit-limit-req-minute", "60", "x-ratelimit-limit-requests", "60"),
        ("mistral", "x-ratelimit-remaining-req-minute", "59", "x-ratelimit-remaining-requests", "59"),
        ("mistral", "x-ratelimit-limit-tokens-minute", "9", "x-ratelimit-limit-tokens", "9"),
        ("mistral", "x-ratelimit-remaining-tokens-minute", "8", "x-ratelimit-remaining-tokens", "8"),
        ("cohere", "x-trial-endpoint-call-limit", "40", "x-ratelimit-limit-requests", "40"),
        ("cohere", "x-trial-endpoint-call-remaining", "39", "x-ratelimit-remaining-requests", "39"),
    ],
)
def test_rate_limits_are_added_under_openais_names(
    dialect: str, name: str, value: str, openai_name: str, received: str
) -> None:
    assert returned(dialect, {name: value, "Date": NOON}) == {name: value, openai_name: received}


def test_limits_that_openai_has_no_names_for_keep_their_own_names_only() -> None:
    limits = {"anthropic-ratelimit-input-tokens-remaining": "1", "anthropic-ratelimit-output-tokens-remaining": "2"}
    assert returned("anthropic", limits) == limits


def test_a_rate_limit_under_openais_name_is_not_overwritten() -> None:
    both = {"x-ratelimit-limit-requests": "1", "x-ratelimit-limit-req-minute": "2"}
    assert returned("mistral", both) == both


@pytest.mark.parametrize(
    ("value", "date"), [("soon", NOON), ("2026-11-22T12:00:00Z", ""), ("2026-11-22T12:00:00Z", "?")]
)
def test_a_reset_time_without_a_valid_date_is_not_converted(value: str, date: str) -> None:
    sent = {"anthropic-ratelimit-tokens-reset": value}
    assert returned("anthropic", {**sent, "Date": date}) == sent


@pytest.mark.parametrize(
    ("wait", "received"),
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
def test_retry_after_becomes_whole_seconds(wait: str, received: str) -> None:
    assert to_downstream(CIMultiDict({"Retry-After": wait, "Date": NOON})) == {"retry-after": received}


def test_a_retry_after_date_without_a_date_header_is_unchanged() -> None:
    assert to_downstream(CIMultiDict({"Retry-After": NOON})) == {"retry-after": NOON}


@pytest.mark.parametrize("name", ["Set-Cookie", "Server", "Content-Encoding", "openai-organization", "Via", "Date"])
def test_other_response_headers_are_not_forwarded(name: str) -> None:
    assert to_downstream(CIMultiDict({name: "v"})) == {}


@pytest.mark.parametrize("name", ["x-request-id", "Request-Id"])
def test_the_providers_request_id_becomes_x_provider_request_id(name: str) -> None:
    assert to_downstream(CIMultiDict({name: "req_1\r\n" + "x" * 300})) == {"x-provider-request-id": "req_1" + "x" * 251}


LIMIT_NAMES = [
    f"x-ratelimit-{part}-{unit}" for part in ("limit", "remaining", "reset") for unit in ("requests", "tokens")
]


def test_the_number_of_returned_headers_is_bounded_and_the_known_ones_come_first() -> None:
    sent = {f"x-ratelimit-limit-{number}": "1" for number in range(500)} | dict.fromkeys(
        [*LIMIT_NAMES, "retry-after"], "2"
    )
    received = to_downstream(CIMultiDict(sent))
    assert len(received) == 32
    assert {received[name] for name in (*LIMIT_NAMES, "retry-after")} == {"2"}


def test_returned_headers_are_cut_and_those_with_long_names_left_out() -> None:
    long = {"x-ratelimit-a": "v" * 70_000, f"x-ratelimit-{'n' * 53}": "v", "x-request-id": "i" * 70_000}
    assert to_downstream(CIMultiDict(long)) == {"x-ratelimit-a": "v" * 256, "x-provider-request-id": "i" * 256}


def http_client_headers(url: str, body: bytes) -> tuple[int, list[tuple[str, str]]]:
    """Send a chat with the standard library's client, which refuses a response with over 100 headers."""
    parts = urlsplit(url)
    client = HTTPConnection(parts.hostname or "", parts.port)
    try:
        client.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
        response = client.getresponse()
        response.read()
        return response.status, response.getheaders()
    finally:
        client.close()


@pytest.mark.parametrize("status", [200, 400])
async def test_strict_clients_take_a_response_whatever_the_provider_put_in_its_headers(status: int) -> None:
    lines = "".join(f"X-RateLimit-Limit-{number}: {'9' * 300}\r\n" for number in range(110))
    answer = orjson.loads(WIRE_FORMATS["openai"].body) | {"model": "m\x07" + "o" * 70_000}
    body = orjson.dumps(answer) if status == 200 else b'{"error":{"message":"no"}}'
    sent = http_response(body, status=f"{status} X", headers=f"{CLOSING}X-Request-Id: {'i' * 9000}\r\n{lines}")
    async with rehearsal(routing_yaml(alone=True), [[RECV, send(sent), FIN]]) as running:
        received = await running.send_chat(False)
        assert received.status == status
        chat = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
        got_status, headers = await asyncio.to_thread(http_client_headers, running.sidecar.url, chat)
    assert got_status == status and len(headers) < 60
    assert max(len(value) for _, value in headers) <= 256
    if status == 200:
        assert received.headers["X-Provider-Model"] == "m" + "o" * 255
