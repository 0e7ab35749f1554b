"""A request is a value: what it does not say has no part in the answer."""

from __future__ import annotations

from tests.routing.fixtures import routing_request


def test_two_questions_that_say_the_same_are_the_same() -> None:
    assert routing_request() == routing_request()
    assert routing_request(seed="other") != routing_request()
