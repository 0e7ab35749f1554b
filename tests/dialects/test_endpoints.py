"""A dialect with several kinds of endpoints chooses by the endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.endpoints import Endpoints, combine
from tests.dialects.oracles import response_context


class Stream:
    """A stream that names who made it."""

    def __init__(self, maker: str) -> None:
        self.maker = maker

    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


def endpoints(name: str) -> Endpoints:
    return Endpoints(
        {name: f"/{name}"},
        lambda request: ProviderRequest(f"/{name}"),
        lambda body, context: name.encode(),
        lambda context: Stream(name),
    )


@pytest.mark.parametrize(("endpoint", "served_by"), [("chat", "chat"), ("messages", "messages"), ("", "chat")])
def test_each_endpoint_is_served_by_its_own(endpoint: str, served_by: str) -> None:
    both = combine(endpoints("chat"), endpoints("messages"))
    context = response_context(endpoint=endpoint)
    stream: Any = both.stream_translator(context)
    assert both.paths == {"chat": "/chat", "messages": "/messages"}
    assert both.build_request(CallerRequest(endpoint, {}, b"{}", "m", stream=False)).path == f"/{served_by}"
    assert both.translate_response(b"", context) == served_by.encode() and stream.maker == served_by
