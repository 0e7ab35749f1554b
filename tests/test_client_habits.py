"""What clients of each API send and expect around a request: paths, keys, the list of models, errors. Over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.running import TWO_PROVIDERS, RunningSidecar, run_sidecar

KEY = "canary-of-the-caller"
KEYED = TWO_PROVIDERS.replace(" auth,", f" {{auth: {{keys: [{{name: app, value: {KEY}}}]}}}},")
CHAT = {"messages": [{"role": "user", "content": "Hello"}]}
MESSAGE = {"max_tokens": 100, **CHAT}


@pytest.fixture
async def sidecar() -> AsyncIterator[RunningSidecar]:
    async with run_sidecar(KEYED) as started:
        yield started


async def send(
    sidecar: RunningSidecar, path: str, body: Any = None, method: str = "POST", **headers: str
) -> tuple[int, Any, aiohttp.ClientResponse]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.request(method, sidecar.url + path, json=body, headers=named) as answer:
        return answer.status, await answer.json() if await answer.read() else None, answer


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/chat/completions/", {"model": "m"}),
        ("//v1//chat/completions", {"model": "m"}),
        ("/chat/completions", {"model": "m"}),
        ("/openai/v1/chat/completions", {"model": "m"}),
        ("/openai/deployments/m/chat/completions?api-version=2024-10-21", {}),
        ("/openai/deployments/m/chat/completions?api-version=2024-10-21", {"model": "gpt-4"}),
    ],
)
async def test_a_chat_is_answered_at_every_path_that_clients_use(
    sidecar: RunningSidecar, path: str, model: dict[str, str]
) -> None:
    status, body, answer = await send(sidecar, path, {**model, **CHAT}, api_key=KEY)
    assert status == 200 and body["choices"] and answer.headers["X-Provider-Model"] in ("m-one", "m-two")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("", {"Authorization": f"Bearer {KEY}"}),
        ("", {"x_api_key": KEY}),
        ("", {"x_goog_api_key": KEY}),
        ("", {"api_key": KEY}),
        (f"?key={KEY}", {}),
    ],
)
async def test_a_key_opens_wherever_clients_send_it_and_goes_nowhere(
    sidecar: RunningSidecar, path: str, headers: dict[str, str]
) -> None:
    status, _, _ = await send(sidecar, "/v1/chat/completions" + path, {"model": "m", **CHAT}, **headers)
    assert status == 200 and sidecar.log.lines[-1]["key"] == "app"
    received = [
        (each.path, dict(each.headers), each.body)
        for name in sidecar.sandbox.names
        for each in sidecar.sandbox.requests(name)
    ]
    assert received and KEY not in repr(received) and KEY not in repr(sidecar.log.lines)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", MESSAGE),
        ("/v1/responses", {"input": "Hello"}),
        ("/v1/chat/completions", CHAT),
    ],
)
async def test_clients_that_cannot_send_headers_get_the_policy_of_their_key_and_of_their_model(
    path: str, body: dict[str, Any]
) -> None:
    policies = KEYED.replace(f"value: {KEY}}}", f"value: {KEY}, policy: {{provider: second}}}}")
    file = policies + "  alias: {targets: {first: a, second: b}, policy: {exclude_providers: second}}\n"
    async with run_sidecar(file) as sidecar:
        _, _, answer = await send(sidecar, path, {"model": "m", **body}, x_api_key=KEY)
        assert (answer.status, answer.headers["X-Provider"]) == (200, "second")
        status, error, _ = await send(sidecar, path, {"model": "alias", **body}, x_api_key=KEY)
        assert status == 400 and "key" in error["error"]["message"] and "model" in error["error"]["message"]


async def test_the_root_answers_a_client_that_only_looks_whether_anybody_is_there(sidecar: RunningSidecar) -> None:
    async with aiohttp.request("HEAD", sidecar.url + "/") as answer:
        assert (answer.status, await answer.read()) == (200, b"")


async def test_models_are_listed_in_the_callers_form(sidecar: RunningSidecar) -> None:
    for path in ("/v1/models", "/models/"):
        _, body, _ = await send(sidecar, path, method="GET", x_api_key=KEY)
        assert body["object"] == "list" and [each["id"] for each in body["data"]] == ["m"]
    sdk = {"x_api_key": KEY, "anthropic_version": "2023-06-01"}
    _, body, _ = await send(sidecar, "/v1/models", method="GET", **sdk)
    model = {"type": "model", "id": "m", "display_name": "m", "created_at": "1970-01-01T00:00:00Z"}
    assert body == {"data": [model], "has_more": False, "first_id": "m", "last_id": "m"}
    assert (await send(sidecar, "/models/m", method="GET", **sdk))[1] == model
    status, body, _ = await send(sidecar, "/v1/models/nope", method="GET", **sdk)
    assert (status, body["type"], body["error"]["type"]) == (404, "error", "not_found_error")


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "kind"),
    [
        ("POST", "/v1/messages", {}, MESSAGE, 401, "authentication_error"),
        ("POST", "/v1/messages", {"x_api_key": KEY}, {"model": "nope", **MESSAGE}, 404, "not_found_error"),
        ("GET", "/v1/messages", {"x_api_key": KEY}, None, 405, "invalid_request_error"),
        ("POST", "/v1/messages/batches", {"x_api_key": KEY}, {}, 404, "not_found_error"),
        ("POST", "/v1/messages", {"x_api_key": KEY, "X_Max_Latency_Ms": "soon"}, MESSAGE, 400, "invalid_request_error"),
        ("POST", "/v1/messages", {"x_api_key": KEY}, [], 400, "invalid_request_error"),
        ("POST", "/v1/messages", {"x_api_key": KEY, "Origin": "https://evil.test"}, MESSAGE, 403, "permission_error"),
    ],
)
async def test_errors_come_in_anthropics_envelope_with_the_id_of_the_request(
    sidecar: RunningSidecar, method: str, path: str, headers: dict[str, str], body: Any, status: int, kind: str
) -> None:
    found, error, answer = await send(sidecar, path, body, method, **headers)
    assert (found, error["type"], error["error"]["type"]) == (status, "error", kind)
    assert error["error"]["message"] and error["request_id"] == answer.headers["X-Request-Id"]


async def test_errors_come_in_openais_envelope_elsewhere(sidecar: RunningSidecar) -> None:
    for path in ("/v1/responses", "/v1/chat/completions", "/v1/unknown"):
        status, body, _ = await send(sidecar, path, {})
        assert (status, body["error"]["code"]) == (401, "invalid_api_key")


async def test_no_query_is_logged(sidecar: RunningSidecar) -> None:
    await send(sidecar, f"/openai/deployments/m/chat/completions?api-version=odd-{KEY}", CHAT, api_key=KEY)
    await send(sidecar, f"/v1/nothing?secret=odd-{KEY}", CHAT, api_key=KEY)
    assert f"odd-{KEY}" not in repr(sidecar.log.lines)
