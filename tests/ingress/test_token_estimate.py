"""An estimate takes the place of what says nothing about the request."""

from __future__ import annotations

import pytest

from proxy.errors import (
    AllProvidersFailedError,
    AuthenticationError,
    ConnectError,
    InvalidRequestError,
    LimitReachedError,
    ModelNotFoundError,
    NoEligibleProviderError,
    OverloadedError,
    ParrotError,
    UpstreamErrorResponse,
    UpstreamTimeout,
)
from proxy.ingress.token_estimate import may_estimate


def all_failed(status: int) -> ParrotError:
    return AllProvidersFailedError("no", status=status, code="c", attempts=[], headers={})


def answered(status: int) -> ParrotError:
    return UpstreamErrorResponse(status, {"message": "no"}, trigger="x")


@pytest.mark.parametrize(
    "error",
    [
        NoEligibleProviderError("no"),
        ConnectError("no"),
        UpstreamTimeout("no"),
        answered(529),
        answered(500),
        all_failed(502),
        LimitReachedError("no"),
    ],
)
def test_an_estimate_takes_its_place(error: ParrotError) -> None:
    assert may_estimate(error)


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequestError("no"),
        AuthenticationError("no"),
        ModelNotFoundError("no"),
        OverloadedError("no"),
        answered(400),
        answered(413),
        ParrotError("no"),
    ],
)
def test_an_error_of_the_request_or_of_the_sidecar_stays(error: ParrotError) -> None:
    assert not may_estimate(error)
