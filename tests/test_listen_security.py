"""A listener that others can reach needs keys, and `parrot check` says so with all other problems."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proxy.cli.file import generation_factory
from proxy.config.document import ConfigError
from proxy.config.process_schema import Listen
from proxy.listen_security import exposed_listener
from tests.fakes import generation, routing_yaml

OPEN = "listen: {host: 0.0.0.0}\n"


@pytest.mark.parametrize(
    ("listen", "is_exposed"),
    [
        (Listen(), False),
        (Listen(host="localhost"), False),
        (Listen(host=("127.0.0.1", "::1")), False),
        (Listen(host="0.0.0.0"), True),
        (Listen(host=("127.0.0.1", "10.0.0.1")), True),
        (Listen(host="0.0.0.0", unix="/run/x.sock"), False),
    ],
)
def test_only_loopback_and_unix_sockets_need_no_keys(listen: Listen, is_exposed: bool) -> None:
    assert (exposed_listener(listen, generation(routing_yaml()).pipeline) is not None) is is_exposed


def problems(text: str) -> list[str]:
    """The problems of a file as `parrot check` reports them."""
    factory = replace(generation_factory(), environ={}, checks_listener=True)
    with pytest.raises(ConfigError) as caught:
        factory.build(text, "FILE", 1)
    return str(caught.value).splitlines()


def test_it_is_reported_together_with_other_problems() -> None:
    first, second = problems(routing_yaml() + "drain: {timeout: soon}\n" + OPEN)
    assert "drain.timeout: expected a duration" in first
    assert "listen.host: 0.0.0.0 is reachable from the network but no key is required" in second


def test_it_is_not_reported_where_the_keys_themselves_are_wrong() -> None:
    (only,) = problems(routing_yaml("[{auth: {keys: [{name: a}]}}]") + OPEN)
    assert "keys[0].value: is missing" in only
