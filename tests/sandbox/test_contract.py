"""What every simulated format shares."""

from __future__ import annotations

import pytest

from proxy.sandbox import SIMULATIONS
from proxy.sandbox.contract import Call, Rejected, parsed


def call(body=b"{}", **more):
    return Call("p", "POST", "/", {}, body, **more)


def test_ids_differ_by_request_and_are_the_same_again():
    assert call(number=1).id() == call(number=1).id() != call(number=2).id()
    assert len(call().id(20)) == 20


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_object_is_rejected(body):
    with pytest.raises(Rejected) as caught:
        parsed(call(body))
    assert caught.value.status == 400


@pytest.mark.parametrize("name", SIMULATIONS)
@pytest.mark.parametrize("status", [301, 400, 401, 404, 429, 500, 502, 503, 529])
def test_every_format_can_say_every_status(name, status):
    reply = SIMULATIONS[name].reject(call(), Rejected(status))
    assert reply.status == status and len(reply.frames) == 1 and b"error" in reply.frames[0]
