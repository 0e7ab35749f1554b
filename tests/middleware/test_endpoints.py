"""An unknown path, a wrong method and an encoded body are refused before the body is read."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from proxy.errors import ParrotError
from proxy.exchange import Exchange
from proxy.messages import Request, Response
from proxy.middleware.endpoints import Endpoints, LocalEndpoint
from tests.fakes import exchange


def answer(one: Exchange) -> Response:
    """The handler of a local endpoint."""
    return Response(200, {}, b"own")


def one_request(method: str, path: str, headers: dict[str, str] | None = None) -> Exchange:
    """Return an exchange whose endpoint is not known yet."""
    one = exchange(Request(method, path, headers or {}))
    one.endpoint = ""
    return one


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
        ("POST", "/v1/chat/completions/", {}, "chat"),
        ("POST", "/v1/messages?beta=true", {}, "messages"),
        ("POST", "/chat/completions", {}, "chat"),
        ("POST", "/v1/messages/batches", {}, 404),
        ("POST", "http://other.example/v1/chat/completions", {}, 404),
        ("POST", "/v1/chat/completions", {"content-encoding": "Identity, "}, "chat"),
    ],
)
def test_the_path_names_the_endpoint(method: str, path: str, headers: dict[str, str], outcome: object) -> None:
    one = one_request(method, path, headers)
    try:
        Endpoints({}).before(one)
        assert one.endpoint == outcome and one.local_handler is None
    except ParrotError as error:
        assert (error.status, one.endpoint) == (outcome, "")


@pytest.mark.parametrize(
    "lines",
    [
        ["gzip"],
        ["br"],
        ["zstd"],
        ["deflate"],
        ["X-GZIP"],
        ["identity, gzip"],
        ["identity", "gzip"],
        ["gzip", "identity"],
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/route"])
def test_an_encoded_body_is_a_415_that_names_what_is_accepted(path: str, lines: list[str]) -> None:
    headers = CIMultiDict([("content-encoding", line) for line in lines])
    with pytest.raises(ParrotError, match="Content-Encoding '.*' is not supported; send the body unencoded") as caught:
        Endpoints({"/v1/route": LocalEndpoint("POST", answer)}).before(exchange(Request("POST", path, headers)))
    assert (caught.value.status, caught.value.headers) == (415, {"Accept-Encoding": "identity"})


MODELS = LocalEndpoint("GET", answer)
PAGE = LocalEndpoint("GET", answer, is_public=True)
LOCAL = {"/v1/models": MODELS, "/v1/models/": MODELS, "/": PAGE, "/dashboard": PAGE}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/models", 200),
        ("GET", "//v1/models/", 200),
        ("GET", "/models?limit=1", 200),
        ("GET", "/openai/v1/models/a", 200),
        ("GET", "/v1/models?limit=1", 200),
        ("GET", "/v1/models/a/b", 200),
        ("POST", "/v1/models", 405),
        ("HEAD", "/v1/models", 200),
        ("OPTIONS", "/v1/models", 405),
        ("POST", "/v1/models/a", 405),
        ("GET", "/v1/model", 404),
    ],
)
def test_a_local_endpoint_is_answered_by_its_handler(method: str, path: str, status: int) -> None:
    one = one_request(method, path)
    try:
        Endpoints(LOCAL).before(one)
        assert (200, one.local_handler, one.endpoint) == (status, answer, "")
    except ParrotError as error:
        assert error.status == status
        assert error.headers == ({"Allow": "GET, HEAD"} if status == 405 else {})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/?x=1", 200),
        ("HEAD", "/dashboard", 200),
        ("POST", "/dashboard", 405),
        ("GET", "/dashboard/x", 404),
        ("GET", "/unknown", 404),
    ],
)
def test_a_page_is_served_to_get_and_head_at_its_own_path_only(method: str, path: str, status: int) -> None:
    one = one_request(method, path)
    try:
        Endpoints(LOCAL).before(one)
        assert (200, one.local_handler) == (status, answer)
    except ParrotError as error:
        assert error.status == status
        assert error.headers == ({"Allow": "GET, HEAD"} if status == 405 else {})


def test_the_error_of_an_unknown_path_lists_the_endpoints_but_no_pages_and_is_bounded() -> None:
    with pytest.raises(ParrotError) as caught:
        Endpoints(LOCAL).before(one_request("GET", "/" + "x" * 9000))
    message = caught.value.message
    assert message.startswith("unknown path /xxx") and len(message) < 1000
    assert "/v1/chat/completions" in message and message.endswith("/v1/models, /v1/models/")


def test_pages_are_the_public_paths() -> None:
    assert Endpoints(LOCAL).public_paths == {"/", "/dashboard"}


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/v1/chat/completions", "chat"),
        ("/v1/embeddings?key=canary", "embeddings"),
        ("/v1/models", "/v1/models"),
        ("/v1/models?limit=1", "/v1/models"),
        ("/v1/models/a/b", "/v1/models/"),
        ("/dashboard", "/dashboard"),
        ("/dashboard/x", "unknown"),
        ("/v1/chat/completions/canary", "unknown"),
        ("/canary", "unknown"),
        ("*", "unknown"),
    ],
)
def test_a_label_is_one_of_a_bounded_number_of_names(path: str, label: str) -> None:
    assert Endpoints(LOCAL).label(path) == label
