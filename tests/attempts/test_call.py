"""The classes on both sides of a call have what its interfaces name."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from proxy.attempts.call import Call, CallListener, ends_request_on_exception
from proxy.attempts.failover_run import FailoverRun
from proxy.attempts.stream_relay import StreamRelay
from proxy.upstream.call import UpstreamCall


def methods(protocol: type) -> dict[str, Any]:
    return {name: each for name, each in vars(protocol).items() if inspect.isfunction(each) and name[0] != "_"}


@pytest.mark.parametrize(
    ("implementation", "protocol"),
    [(UpstreamCall, Call), (FailoverRun, CallListener), (StreamRelay, CallListener)],
    ids=lambda kind: kind.__name__,
)
def test_an_implementation_has_every_method_with_the_same_parameters(implementation: type, protocol: type) -> None:
    for name, method in methods(protocol).items():
        assert list(inspect.signature(getattr(implementation, name)).parameters) == list(
            inspect.signature(method).parameters
        ), name
    assert len(methods(protocol)) == {Call: 6, CallListener: 5}[protocol]


class Request:
    """Something of a request, with one callback."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    @ends_request_on_exception
    def on_event(self, call: object, *, fails: bool = False) -> None:
        self.seen.append(call)
        if fails:
            raise KeyError("bug")

    def crash(self, call: object, error: Exception) -> None:
        self.seen += [call, type(error)]


def test_an_exception_in_a_callback_ends_its_request_and_goes_no_further() -> None:
    request = Request()
    request.on_event(1)
    request.on_event(2, fails=True)
    assert request.seen == [1, 2, 2, KeyError]


def test_a_call_has_the_attributes_that_the_interface_names() -> None:
    assert set(Call.__annotations__) <= set(UpstreamCall.__slots__)
