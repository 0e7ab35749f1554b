"""What is no endpoint, and what cannot be read, ends before anything is taken in."""

from __future__ import annotations

import pytest

from proxy.errors import ParrotError
from proxy.messages import Request, Response
from proxy.middleware.endpoints import Endpoints, LocalEndpoint
from tests.fakes import exchange


async def nothing(limit: int) -> bytes:
    raise AssertionError("the body was read")


async def reached(subject: object) -> Response:
    return Response(200, {}, b"{}")


@pytest.mark.parametrize(
    ("method", "path", "headers", "outcome"),
    [
        ("POST", "/v1/chat/completions", {}, "chat"),
        ("POST", "/v1/chat/completions?x=1", {"Content-Encoding": "identity"}, "chat"),
        ("POST", "/v1/completions", {}, "completions"),
        ("POST", "/v1/embeddings", {}, "embeddings"),
        ("POST", "/v1/images/generations", {}, "images"),
        ("POST", "/v1/moderations", {}, "moderations"),
        ("POST", "/v1/responses", {}, "responses"),
        ("GET", "/v1/responses/resp_1", {}, 404),
        ("DELETE", "/v1/responses", {}, 405),
        ("GET", "/v1/chat/completions", {}, 405),
        ("POST", "/v1/chat/completions/", {}, 404),
        ("POST", "http://other.example/v1/chat/completions", {}, 404),
        ("POST", "/v1/chat/completions", {"Content-Encoding": "gzip"}, 400),
    ],
)
async def test_only_what_there_is_goes_on(method: str, path: str, headers: dict[str, str], outcome: object) -> None:
    made = exchange(client_request=Request(method, path, headers, nothing))
    made.endpoint = ""
    try:
        await Endpoints({})(made, reached)
        assert made.endpoint == outcome
    except ParrotError as error:
        assert (error.status, made.endpoint) == (outcome, "")


async def answered(subject: object) -> Response:
    return Response(200, {}, b"own")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/models", 200),
        ("GET", "/v1/models?limit=1", 200),
        ("GET", "/v1/models/a/b", 200),
        ("POST", "/v1/models", 405),
        ("POST", "/v1/models/a", 405),
        ("GET", "/v1/model", 404),
    ],
)
async def test_the_sidecars_own_endpoints_go_no_further(method: str, path: str, status: int) -> None:
    own = LocalEndpoint("GET", answered)
    made = exchange(client_request=Request(method, path, {}, nothing))
    try:
        response = await Endpoints({"/v1/models": own, "/v1/models/": own})(made, reached)
        assert (response.status, response.body) == (status, b"own")
    except ParrotError as error:
        assert error.status == status
        assert error.headers == ({"Allow": "GET"} if status == 405 else {})
