"""What is no endpoint, and what cannot be read, ends before anything is taken in."""

from __future__ import annotations

import pytest

from proxy.errors import ParrotError
from proxy.messages import Request, Response
from proxy.middleware.endpoints import Endpoints
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
        ("GET", "/v1/chat/completions", {}, 405),
        ("POST", "/v1/chat/completions/", {}, 404),
        ("POST", "http://other.example/v1/chat/completions", {}, 404),
        ("POST", "/v1/chat/completions", {"Content-Encoding": "gzip"}, 400),
    ],
)
async def test_only_what_there_is_goes_on(method: str, path: str, headers: dict[str, str], outcome: object) -> None:
    made = exchange(asking=Request(method, path, headers, nothing))
    made.endpoint = ""
    try:
        await Endpoints({})(made, reached)
        assert made.endpoint == outcome
    except ParrotError as error:
        assert (error.status, made.endpoint) == (outcome, "")
