"""What all simulated formats share."""

from __future__ import annotations

import pytest

from proxy.dialects.errors import message_from_body
from proxy.sandbox import SIMULATIONS
from proxy.sandbox.contract import (
    EVENT_STREAM,
    Call,
    SimulatedError,
    event_reply,
    json_reply,
    parse_json_object,
    with_headers,
)


def call(body=b"{}", **more):
    return Call("p", "POST", "/", {}, body, **more)


def test_ids_are_deterministic_and_differ_by_request():
    assert call(number=1).id() == call(number=1).id() != call(number=2).id()
    assert len(call().id(20)) == 20


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_not_an_object_is_rejected(body):
    with pytest.raises(SimulatedError) as caught:
        parse_json_object(call(body))
    assert caught.value.status == 400


def test_a_stream_reply_has_one_frame_per_event():
    reply = event_reply(iter([b"1", b"2"]))
    assert (reply.status, reply.headers["content-type"], reply.frames) == (200, EVENT_STREAM, (b"1", b"2"))


def test_with_headers_keeps_existing_headers():
    assert with_headers(json_reply(200, {"a": "1"}, {}), {"b": "2"}).headers == {
        "content-type": "application/json",
        "a": "1",
        "b": "2",
    }


@pytest.mark.parametrize("name", SIMULATIONS)
@pytest.mark.parametrize("status", [301, 400, 401, 404, 429, 500, 502, 503, 529])
def test_every_format_renders_every_status(name, status):
    reply = SIMULATIONS[name].render_error(call(), SimulatedError(status))
    assert reply.status == status and len(reply.frames) == 1
    assert message_from_body(reply.frames[0]) != reply.frames[0].decode()
