"""With keys only their holders come in; without, only what is truly on this machine."""

from __future__ import annotations

import pytest
from msgspec.structs import replace as altered

from proxy.config.units import Secret
from proxy.errors import AuthenticationError, ForbiddenError
from proxy.middleware.auth import Auth, Key
from tests.fakes import CALLER_KEY, ScriptedHandler, exchange, request

KEYED = Auth(keys=(Key("other", Secret("something-else")), Key("app", Secret(CALLER_KEY))))


async def admitted(auth, headers):
    made = exchange(request(b"{}", headers))
    await auth(made, ScriptedHandler([200]))
    return made.identity


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {CALLER_KEY}"},
        {"Authorization": f"bearer {CALLER_KEY}"},
        {"Authorization": f"BEARER   {CALLER_KEY} "},
        {"x-api-key": CALLER_KEY},
        {"X-API-Key": CALLER_KEY},
        {"Authorization": "Basic abc", "x-api-key": CALLER_KEY},
        {"Authorization": f"Bearer {CALLER_KEY}", "Host": "parrot.cluster.local:8090"},
    ],
)
async def test_a_key_says_whose_request_it_is(headers):
    assert await admitted(KEYED, headers) == "app"


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
async def test_a_request_without_a_known_key_is_a_401_that_does_not_repeat_it(headers):
    with pytest.raises(AuthenticationError) as caught:
        await admitted(KEYED, headers)
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
    assert CALLER_KEY not in caught.value.message


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8090", "127.0.0.1", "127.0.0.1:8090", "[::1]", "10.0.0.7:8090", "", "localhost:"],
)
async def test_without_keys_localhost_and_ip_addresses_are_served(host):
    assert await admitted(Auth(), {"Host": host}) is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.test", "evil.test:8090", "localhost.evil.test", "127.0.0.1.evil.test:8090", "[::1", "local\u0570ost",
    ],
)  # fmt: skip
async def test_without_keys_a_name_that_was_rebound_to_this_machine_is_refused(host):
    with pytest.raises(ForbiddenError) as caught:
        await admitted(Auth(), {"Host": host})
    assert caught.value.status == 403


async def test_a_request_without_a_host_is_local_as_on_a_unix_socket():
    assert await admitted(Auth(), {}) is None


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://localhost:3000", ""])
@pytest.mark.parametrize("auth", [Auth(), KEYED])
async def test_a_web_page_is_refused_with_or_without_keys(auth, origin):
    headers = {"Origin": origin, "Host": "localhost", "x-api-key": CALLER_KEY}
    with pytest.raises(ForbiddenError, match="auth: origins"):
        await admitted(auth, headers)


async def test_a_web_page_that_is_listed_may_call():
    auth = Auth(keys=KEYED.keys, origins=("https://app.test",))
    assert await admitted(auth, {"Origin": "https://app.test", "x-api-key": CALLER_KEY}) == "app"


async def test_a_refused_request_goes_no_further():
    inner = ScriptedHandler([200])
    with pytest.raises(AuthenticationError):
        await KEYED(exchange(), inner)
    assert inner.seen == []


def test_a_key_whose_variable_is_not_set_is_no_key():
    with pytest.raises(ValueError, match="^a caller's key must have a value: PARROT_KEY is not set$"):
        Key("app", Secret("", missing="PARROT_KEY is not set"))


def test_a_key_is_not_shown():
    assert CALLER_KEY not in repr(KEYED)


@pytest.mark.parametrize(
    ("auth", "origin", "host"),
    [
        (Auth(), "http://localhost:8090", "localhost:8090"),
        (Auth(), "http://127.0.0.1:8090", "127.0.0.1:8090"),
        (KEYED, "https://Parrot.test", "parrot.test"),
    ],
)
async def test_a_page_of_its_own_may_call(auth, origin, host):
    headers = {"Origin": origin, "Host": host, "x-api-key": CALLER_KEY}
    assert await admitted(auth, headers) == ("app" if auth.keys else None)


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
async def test_a_page_of_anybody_else_may_not(origin, host):
    with pytest.raises(ForbiddenError):
        await admitted(Auth(), {"Origin": origin, "Host": host})


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
async def test_only_the_streams_websocket_may_show_its_key_later(path, headers, later):
    made = exchange(altered(request(b"", headers), path=path))
    try:
        await KEYED(made, ScriptedHandler([200]))
    except AuthenticationError:
        assert not later and made.authenticate_later is None
    else:
        assert later and made.identity is None
        assert (made.authenticate_later(CALLER_KEY), made.authenticate_later("wrong")) == ("app", None)
