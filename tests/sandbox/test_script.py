"""A reply becomes the steps that send it."""

from __future__ import annotations

import pytest

from proxy.sandbox.contract import EVENT_STREAM, Reply
from proxy.sandbox.script import Head, Send, Wait, script

JSON = {"content-type": "application/json"}
EVENTS = {"content-type": EVENT_STREAM}


@pytest.mark.parametrize(
    "reply, pace, steps",
    [
        (Reply(200, JSON, (b"{}",)), {}, [Head(200, {**JSON, "content-length": "2"}), Send(b"{}")]),
        (Reply(204, JSON, ()), {}, [Head(204, {**JSON, "content-length": "0"})]),
        (Reply(200, EVENTS, (b"a", b"b")), {}, [Head(200, EVENTS), Send(b"a"), Send(b"b")]),
        (
            Reply(200, EVENTS, (b"a", b"b")),
            {"latency": 1, "chunk_delay": 2},
            [Wait(1), Head(200, EVENTS), Send(b"a"), Wait(2), Send(b"b")],
        ),
    ],
)
def test_a_whole_answer_says_its_length_and_a_stream_its_pace(reply, pace, steps):
    assert script(reply, **pace) == steps
