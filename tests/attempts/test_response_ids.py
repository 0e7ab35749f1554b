"""What is kept of an answer. How requests go on from it is in tests/test_stored_responses.py."""

from __future__ import annotations

from proxy.attempts.response_ids import keep_response
from proxy.messages import Response
from proxy.state.responses import Continuation
from tests.fakes import exchange as make_exchange

BODY = b'{"id": "resp_1", "output": []}'
LAST = b'event: response.completed\ndata: {"response": {"id": "resp_1", "output": []}}\n\n'


def test_nothing_is_kept_that_must_not_be() -> None:
    exchange = make_exchange()
    exchange.continuation = Continuation(is_kept=False)
    stream = Response(200, {}, None)
    keep_response(exchange, stream)
    keep_response(exchange, Response(200, {}, BODY))
    assert not stream.transforms and exchange.runtime.responses.size == 0


def test_an_answer_that_no_attempt_gave_is_not_kept() -> None:
    exchange = make_exchange()
    exchange.continuation = Continuation()
    stream = Response(200, {}, None, [])
    keep_response(exchange, stream)
    (transform,) = stream.transforms
    assert transform.feed(LAST) + transform.end() == LAST
    assert exchange.runtime.responses.size == 0
