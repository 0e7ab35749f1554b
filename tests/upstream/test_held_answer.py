"""What kind of answer is held, by its content type."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from proxy.errors import MalformedResponse
from proxy.exchange import Attempt
from proxy.upstream.held_answer import held_answer
from proxy.upstream.held_bytes import HeldBytes
from proxy.upstream.held_stream import HeldStream
from tests.fakes import planned_exchange, start_attempt


def attempt(*, stream: bool = False) -> Attempt:
    one = planned_exchange()
    one.facts = replace(one.facts, stream=stream)
    return start_attempt(one)


@pytest.mark.parametrize(
    ("content_type", "kind", "sent_on"),
    [
        ("text/event-stream; charset=utf-8", HeldStream, ""),
        ("application/json", type(None), ""),
        ("Application/JSON; charset=utf-8", type(None), ""),
        ("audio/mpeg", HeldBytes, "audio/mpeg"),
        ("text/plain; charset=utf-8", HeldBytes, "text/plain; charset=utf-8"),
        ("no\x00type", HeldBytes, "application/octet-stream"),
        ("", HeldBytes, "application/octet-stream"),
    ],
)
async def test_the_content_type_decides(content_type: str, kind: type, sent_on: str) -> None:
    one = attempt()
    held = held_answer(one, {"content-type": content_type} if content_type else {}, lambda event: True)
    assert isinstance(held, kind) and one.content_type == sent_on


@pytest.mark.parametrize("content_type", ["application/json", "audio/mpeg"])
async def test_a_stream_that_was_asked_for_must_be_one(content_type: str) -> None:
    with pytest.raises(MalformedResponse, match=f"responded to a stream request with {content_type}"):
        held_answer(attempt(stream=True), {"content-type": content_type}, lambda event: True)
