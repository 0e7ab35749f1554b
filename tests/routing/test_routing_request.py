"""A routing request is a value."""

from __future__ import annotations

from tests.routing.fixtures import routing_request


def test_requests_with_equal_fields_are_equal() -> None:
    assert routing_request() == routing_request()
    assert routing_request(seed="other") != routing_request()
