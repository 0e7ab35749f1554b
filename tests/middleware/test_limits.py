"""What is over a limit is refused at once; what was taken is given back however the request ends."""

from __future__ import annotations

import pytest

from proxy.config.units import Size
from proxy.errors import ConnectError, OverloadedError, RequestTooLargeError
from proxy.exchange import Load
from proxy.middleware.limits import Limits
from tests.fakes import FOREVER, ScriptedHandler, exchange, request, stream_response


async def test_the_body_is_in_hand_and_counted_while_the_request_is():
    made = exchange(request(b"12345"))
    await Limits()(made, ScriptedHandler([200]))
    assert made.raw == b"12345"
    assert made.runtime.load == Load(requests=1, buffered_bytes=5)
    made.close()
    assert made.runtime.load == Load()


async def test_a_streamed_answer_counts_until_its_end():
    made = exchange(request(b"12345"))
    await Limits()(made, ScriptedHandler([stream_response([b"x"])]))
    assert made.runtime.load.requests == 1
    made.close()
    assert made.runtime.load == Load()


@pytest.mark.parametrize(
    "limits, load, said",
    [
        (Limits(max_inflight=2), Load(requests=2), "2 requests are in hand"),
        (Limits(max_buffered=Size(10)), Load(requests=1, buffered_bytes=10), "10 bytes of requests are held"),
    ],
)
async def test_a_full_sidecar_refuses_at_once_and_says_when_to_come_back(limits, load, said):
    made = exchange(request(b"12345"))
    made.runtime.load.requests, made.runtime.load.buffered_bytes = load.requests, load.buffered_bytes
    inner = ScriptedHandler([200])
    with pytest.raises(OverloadedError, match=said) as caught:
        await limits(made, inner)
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
    assert inner.seen == []
    made.close()
    assert made.runtime.load == load


@pytest.mark.parametrize(
    "asking, inner, error",
    [
        (request(b"x" * 11), 200, RequestTooLargeError),
        (request(b"", fails=ConnectionResetError()), 200, ConnectionResetError),
        (request(b"x"), ConnectError("no"), ConnectError),
    ],
)
async def test_a_request_that_fails_gives_everything_back(asking, inner, error):
    made = exchange(asking)
    with pytest.raises(error):
        await Limits(max_body=Size(10))(made, ScriptedHandler([inner]))
    made.close()
    assert made.runtime.load == Load()


async def test_a_cancelled_request_gives_everything_back(assert_cancels):
    made = exchange(request(b"12345"))
    await assert_cancels(Limits()(made, ScriptedHandler([FOREVER])))
    assert made.runtime.load == Load(requests=1, buffered_bytes=5)
    made.close()
    assert made.runtime.load == Load()
