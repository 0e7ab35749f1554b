"""A reply becomes the steps that send it."""

from __future__ import annotations

import pytest

from proxy.sandbox.contract import EVENT_STREAM, Reply
from proxy.sandbox.script import SendBody, SendHead, Wait, reply_script

JSON = {"content-type": "application/json"}
EVENTS = {"content-type": EVENT_STREAM}


@pytest.mark.parametrize(
    "reply, pace, steps",
    [
        (Reply(200, JSON, (b"{}",)), {}, [SendHead(200, {**JSON, "content-length": "2"}), SendBody(b"{}")]),
        (Reply(204, JSON, ()), {}, [SendHead(204, {**JSON, "content-length": "0"})]),
        (Reply(200, EVENTS, (b"a", b"b")), {}, [SendHead(200, EVENTS), SendBody(b"a"), SendBody(b"b")]),
        (
            Reply(200, EVENTS, (b"a", b"b")),
            {"latency_s": 1, "chunk_delay_s": 2},
            [Wait(1), SendHead(200, EVENTS), SendBody(b"a"), Wait(2), SendBody(b"b")],
        ),
    ],
)
def test_a_complete_body_has_a_length_and_a_stream_has_delays(reply, pace, steps):
    assert reply_script(reply, **pace) == steps
