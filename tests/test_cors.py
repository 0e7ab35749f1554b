"""Listed web origins may call from a browser: every response says so to them, and to no other origin."""

from __future__ import annotations

import aiohttp
import pytest
from multidict import CIMultiDict

from proxy.cors import EXPOSED, answer_preflight, cors_headers
from proxy.messages import Request
from tests.fakes import CALLER_KEY
from tests.running import HELLO, TWO_PROVIDERS, RunningSidecar, run_sidecar

APP, EVIL = "https://app.test", "https://evil.test"
ASK = {"model": "m", "messages": HELLO}
KEYED = TWO_PROVIDERS.replace("auth,", f"{{auth: {{keys: [{{name: app, value: {CALLER_KEY}}}], origins: ['{APP}']}}}},")
KEYLESS = TWO_PROVIDERS.replace("auth,", f"{{auth: {{origins: ['{APP}']}}}},")
KEY = {"Authorization": f"Bearer {CALLER_KEY}"}
ASKED = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-provider",
}
CORS = {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}


def options(headers: dict[str, str]) -> Request:
    return Request("OPTIONS", "/v1/chat/completions", CIMultiDict(headers))


@pytest.mark.parametrize("origin", [EVIL, "", "null", f"{APP}/", APP.upper(), f"{APP}.evil.test", None])
def test_no_other_origin_gets_any_header(origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    assert cors_headers(CIMultiDict(headers), {APP}) == {}
    assert answer_preflight(options({**headers, **ASKED}), {APP}) is None


@pytest.mark.parametrize(
    ("method", "headers"),
    [("POST", {"Origin": APP, **ASKED}), ("OPTIONS", {"Origin": APP}), ("OPTIONS", ASKED), ("GET", {})],
)
def test_only_a_preflight_is_answered(method: str, headers: dict[str, str]) -> None:
    assert answer_preflight(Request(method, "/", CIMultiDict(headers)), {APP}) is None


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (ASKED, {"Headers": "authorization,content-type,x-provider", "Methods": "POST"}),
        ({"Access-Control-Request-Method": "GET"}, {"Methods": "GET"}),
        (
            {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Private-Network": "true"},
            {"Methods": "PUT", "Private-Network": "true"},
        ),
    ],
)
def test_a_preflight_is_allowed_what_it_asks_for(asked: dict[str, str], allowed: dict[str, str]) -> None:
    response = answer_preflight(options({"Origin": APP, **asked}), {APP})
    assert response is not None and (response.status, response.body) == (204, b"")
    prefix = "Access-Control-Allow-"
    assert {
        name.removeprefix(prefix): value for name, value in response.headers.items() if name.startswith(prefix)
    } == allowed
    assert response.headers["Access-Control-Max-Age"] == "600"


# Over real sockets.


def cors_of(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name: answer.headers[name] for name in answer.headers if name in CORS or name.startswith("Access-Control")}


@pytest.mark.parametrize("text", [KEYED, KEYLESS], ids=["keys", "no keys"])
async def test_a_preflight_needs_no_key_and_reaches_no_middleware(text: str, http: aiohttp.ClientSession) -> None:
    text = text.replace("[access_log", '[{"tests.running:LogMarker": {name: own}}, access_log')
    async with run_sidecar(text) as started:
        for path in ("/v1/chat/completions", "/v1/models", "/unknown"):
            async with http.options(started.url + path, headers={"Origin": APP, **ASKED}) as answer:
                assert answer.status == 204 and CORS.items() <= cors_of(answer).items()
                assert answer.headers["Access-Control-Allow-Headers"] == ASKED["Access-Control-Request-Headers"]
                assert "Content-Length" not in answer.headers and answer.headers["X-Request-Id"]
            async with http.options(started.url + path, headers={"Origin": EVIL, **ASKED, **KEY}) as answer:
                assert (answer.status, cors_of(answer)) == (403, {})
        assert started.events.count("marked") == 3  # the refused ones


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/v1/chat/completions", ASK, KEY, 200),
        ("/v1/chat/completions", {**ASK, "stream": True}, KEY, 200),
        ("/v1/chat/completions", ASK, {}, 401),
        ("/v1/chat/completions", ASK, {**KEY, "X-Provider": "unknown"}, 400),
        ("/v1/chat/completions", {"model": "unknown", "messages": HELLO}, KEY, 404),
        ("/v1/chat/completions", ASK, {**KEY, "Content-Encoding": "gzip"}, 415),
        ("/v1/chat/completions", ASK, {**KEY, "Expect": "more"}, 417),
        ("/unknown", ASK, KEY, 404),
        ("/v1/models", ASK, KEY, 405),
        ("/v1/route", ASK, KEY, 200),
    ],
)
async def test_every_response_to_a_listed_origin_has_them_and_no_other(
    http: aiohttp.ClientSession, path: str, body: object, headers: dict[str, str], status: int
) -> None:
    async with run_sidecar(KEYED) as started:
        async with http.post(started.url + path, json=body, headers={**headers, "Origin": APP}) as answer:
            assert answer.status == status and CORS.items() <= cors_of(answer).items()
            exposed = set(answer.headers["Access-Control-Expose-Headers"].lower().split(", "))
            own = {name.lower() for name in answer.headers if name.lower().startswith("x-")} - {"x-accel-buffering"}
            assert own <= exposed
        for other in ({"Origin": EVIL}, {}):
            async with http.post(started.url + path, json=body, headers={**headers, **other}) as answer:
                assert cors_of(answer) == {}


async def test_a_provider_error_has_them_too(http: aiohttp.ClientSession) -> None:
    async with run_sidecar(KEYED) as started:
        for name in started.sandbox.names:
            await started.sandbox.stop(name)
        for stream in (False, True):
            asked = {**ASK, "stream": stream}
            url = f"{started.url}/v1/chat/completions"
            async with http.post(url, json=asked, headers={**KEY, "Origin": APP}) as answer:
                assert answer.status >= 500 and CORS.items() <= cors_of(answer).items()


async def test_a_reload_changes_the_origins(http: aiohttp.ClientSession) -> None:
    async with run_sidecar(KEYED) as started:
        await started.edit(APP, EVIL)
        for origin, expected in ((APP, (403, None)), (EVIL, (200, EVIL))):
            async with http.get(f"{started.url}/v1/models", headers={**KEY, "Origin": origin}) as answer:
                assert (answer.status, answer.headers.get("Access-Control-Allow-Origin")) == expected


async def test_the_sidecars_own_page_needs_none(two_providers: RunningSidecar, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{two_providers.url}/v1/models", headers={"Origin": two_providers.url}) as answer:
        assert (answer.status, cors_of(answer)) == (200, {})


def test_all_headers_are_exposed_and_ours_by_name_too() -> None:
    assert "*" in EXPOSED and {"X-Provider", "X-Request-Id", "X-Routing-Warnings", "Retry-After"} < set(EXPOSED)
