"""With keys, only requests with a known key are served; without, only requests from this machine."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from multidict import CIMultiDict

from proxy.config.units import Secret
from proxy.errors import AuthenticationError, ForbiddenError
from proxy.exchange import ANONYMOUS
from proxy.messages import Request
from proxy.middleware.auth import Auth, Key
from tests.fakes import CALLER_KEY, exchange, generation, request, routing_yaml, run_request

KEYED = Auth(keys=(Key("other", Secret("something-else")), Key("app", Secret(CALLER_KEY))))


def identity(auth: Auth, headers: Mapping[str, str]) -> str | None:
    """Return the identity that a request with these headers gets."""
    one = exchange(request(dict(headers)))
    auth.before(one)
    return one.identity.name


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {CALLER_KEY}"},
        {"Authorization": f"bearer {CALLER_KEY}"},
        {"Authorization": f"BEARER   {CALLER_KEY} "},
        {"x-api-key": CALLER_KEY},
        {"X-API-Key": CALLER_KEY},
        {"api-key": CALLER_KEY},
        {"x-goog-api-key": CALLER_KEY},
        {"Authorization": "Basic abc", "x-api-key": CALLER_KEY},
        {"Authorization": f"Bearer {CALLER_KEY}", "Host": "parrot.cluster.local:8090"},
    ],
)
def test_a_known_key_gives_the_callers_name(headers: dict[str, str]) -> None:
    assert identity(KEYED, headers) == "app"


def test_a_key_in_the_query_is_a_key() -> None:
    one = exchange(request({}, f"/v1/models?alt=sse&key={CALLER_KEY}"))
    KEYED.before(one)
    assert one.identity.name == "app"
    with pytest.raises(AuthenticationError):
        KEYED.before(exchange(request({"x-api-key": "wrong"}, f"/v1/models?key={CALLER_KEY}")))


def test_over_a_unix_socket_any_host_is_served_but_no_foreign_web_page() -> None:
    one = exchange(request({"Host": "anything.example"}))
    one.over_unix = True
    Auth().before(one)
    one.request = request({"Host": "anything.example", "Origin": "https://evil.example"})
    with pytest.raises(ForbiddenError):
        Auth().before(one)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": CALLER_KEY},
        {"Authorization": f"Basic {CALLER_KEY}"},
        {"Authorization": f"Bearer {CALLER_KEY}x"},
        {"Authorization": f"Bearer {CALLER_KEY[:-1]}"},
        {"Authorization": "Bearer wrong", "x-api-key": CALLER_KEY},
        {"x-api-key": "w\u00f6rng"},
        {"x-api-key": "\udcff\udcfe"},
        {"x-api-key": ""},
        {"Host": "localhost"},
    ],
)
def test_a_request_without_a_known_key_is_a_401_that_does_not_repeat_it(headers: dict[str, str]) -> None:
    with pytest.raises(AuthenticationError) as caught:
        identity(KEYED, headers)
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
    assert CALLER_KEY not in caught.value.message


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8090", "127.0.0.1", "127.0.0.1:8090", "[::1]", "10.0.0.7:8090", "", "localhost:"],
)
def test_without_keys_localhost_and_ip_addresses_are_served(host: str) -> None:
    assert identity(Auth(), {"Host": host}) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.test", "evil.test:8090", "localhost.evil.test", "127.0.0.1.evil.test:8090", "[::1", "local\u0570ost",
    ],
)  # fmt: skip
def test_without_keys_a_name_that_was_rebound_to_this_machine_is_a_403(host: str) -> None:
    with pytest.raises(ForbiddenError) as caught:
        identity(Auth(), {"Host": host})
    assert caught.value.status == 403


def test_a_request_without_a_host_is_local_as_on_a_unix_socket() -> None:
    assert identity(Auth(), {}) is None


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://localhost:3000", ""])
@pytest.mark.parametrize("auth", [Auth(), KEYED])
def test_a_web_page_is_refused_with_or_without_keys(auth: Auth, origin: str) -> None:
    headers = {"Origin": origin, "Host": "localhost", "x-api-key": CALLER_KEY}
    with pytest.raises(ForbiddenError, match="auth: origins"):
        identity(auth, headers)


def test_a_listed_web_page_is_served() -> None:
    auth = Auth(keys=KEYED.keys, origins=("https://app.test",))
    assert identity(auth, {"Origin": "https://app.test", "x-api-key": CALLER_KEY}) == "app"


async def test_a_refused_request_is_not_counted_and_reaches_no_provider() -> None:
    keyed = routing_yaml("[{auth: {keys: [{name: app, value: k}]}}, header_policy, limits, strategy, sse_passthrough, failover, translate]")  # fmt: skip
    one = exchange()
    client = await run_request(one, generation(keyed).pipeline)
    assert (client.status, client.error["code"]) == (401, "invalid_api_key")
    assert one.runtime.load.requests == 0 and one.runtime.transport.sent == []


def test_a_key_whose_variable_is_not_set_is_an_error() -> None:
    with pytest.raises(ValueError, match="^a caller's key must have a value: PARROT_KEY is not set$"):
        Key("app", Secret("", missing="PARROT_KEY is not set"))


def test_the_representation_does_not_contain_the_key() -> None:
    assert CALLER_KEY not in repr(KEYED)


@pytest.mark.parametrize(
    ("auth", "origin", "host"),
    [
        (Auth(), "http://localhost:8090", "localhost:8090"),
        (Auth(), "http://127.0.0.1:8090", "127.0.0.1:8090"),
        (KEYED, "https://Parrot.test", "parrot.test"),
    ],
)
def test_a_page_of_the_sidecar_itself_is_served(auth: Auth, origin: str, host: str) -> None:
    headers = {"Origin": origin, "Host": host, "x-api-key": CALLER_KEY}
    assert identity(auth, headers) == ("app" if auth.keys else None)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:3000", "localhost:8090"),
        ("http://evil.test", "localhost:8090"),
        ("http://", ""),
        ("null", "null"),
        ("http://evil.test:8090", "evil.test:8090"),  # rebound: its own origin, but not this machine
    ],
)
def test_a_page_of_another_origin_is_refused(origin: str, host: str) -> None:
    with pytest.raises(ForbiddenError):
        identity(Auth(), {"Origin": origin, "Host": host})


STREAM = "/v1/providers/health/stream"


@pytest.mark.parametrize(
    ("path", "headers", "later"),
    [
        (STREAM, {"Upgrade": "WebSocket"}, True),
        (f"{STREAM}?x=1", {"Upgrade": "websocket"}, True),
        (STREAM, {}, False),
        (STREAM, {"Upgrade": "h2c"}, False),
        (STREAM, {"Upgrade": "websocket", "Authorization": "Bearer wrong"}, False),
        (STREAM, {"Upgrade": "websocket", "x-api-key": ""}, False),
        (f"{STREAM}/", {"Upgrade": "websocket"}, False),
        ("/v1/chat/completions", {"Upgrade": "websocket"}, False),
        (f"/v1/chat/completions?{STREAM}", {"Upgrade": "websocket"}, False),
    ],
)
def test_only_the_websocket_of_the_health_stream_may_send_its_key_later(
    path: str, headers: dict[str, str], later: bool
) -> None:
    one = exchange(Request("GET", path, CIMultiDict(headers)))
    try:
        KEYED.before(one)
    except AuthenticationError:
        assert not later and one.authenticate_later is None
    else:
        assert later and one.identity is ANONYMOUS and one.authenticate_later is not None
        assert (one.authenticate_later(CALLER_KEY), one.authenticate_later("wrong")) == ("app", None)


def test_a_head_request_must_send_its_key_at_once() -> None:
    with pytest.raises(AuthenticationError):
        KEYED.before(exchange(Request("HEAD", STREAM, CIMultiDict({"Upgrade": "websocket"}))))


@pytest.mark.parametrize(
    "origin",
    ["*", "https://app.test/", "https://app.test/page", "HTTPS://app.test", "https://App.test", "app.test", "",
     "https://user@app.test", "https://*.app.test", "https://app.test https://b.test"],
)  # fmt: skip
def test_an_origin_that_no_browser_sends_is_an_error(origin: str) -> None:
    with pytest.raises(ValueError, match="is not a web origin: .* such as https://app.example.com"):
        Auth(origins=("https://ok.test", origin))


@pytest.mark.parametrize(
    "origin",
    ["https://app.test", "http://localhost:3000", "http://[::1]:3000", "https://xn--bcher-kva.test", "null",
     "chrome-extension://abcdef", "vscode-webview://1-2", "app://obsidian.md"],
)  # fmt: skip
def test_the_form_in_which_browsers_send_an_origin_is_accepted(origin: str) -> None:
    assert identity(Auth(origins=(origin,)), {"Origin": origin, "Host": "localhost"}) is None


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_a_public_path_needs_no_key(headers: dict[str, str]) -> None:
    one = exchange(request(headers))
    one.is_public = True
    KEYED.before(one)
    assert one.identity is ANONYMOUS


def test_a_public_path_is_still_closed_to_other_web_pages() -> None:
    one = exchange(request({"Origin": "https://evil.test", "Host": "localhost"}))
    one.is_public = True
    with pytest.raises(ForbiddenError):
        KEYED.before(one)
