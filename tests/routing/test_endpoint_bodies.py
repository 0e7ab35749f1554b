"""Every endpoint of a client API has a schema of its body."""

from __future__ import annotations

import pytest

from proxy.errors import InvalidRequestError
from proxy.ingress.paths import PATHS
from proxy.routing.endpoint_bodies import BODIES
from proxy.routing.facts import parse_facts


def test_every_endpoint_is_known() -> None:
    assert set(PATHS.values()) == set(BODIES)


@pytest.mark.parametrize("endpoint", [name for name, body in BODIES.items() if body.required_member])
def test_a_missing_member_is_named(endpoint: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_facts(endpoint, {"model": "m"})
    assert caught.value.param == BODIES[endpoint].required_member


@pytest.mark.parametrize("endpoint", [name for name, body in BODIES.items() if body.is_model_optional])
def test_a_request_may_name_no_model(endpoint: str) -> None:
    body = BODIES[endpoint]
    required = {body.required_member: "x"} if body.required_member else {}
    assert parse_facts(endpoint, required).model == (body.default_model or "")
