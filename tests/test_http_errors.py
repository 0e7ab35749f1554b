"""Errors of a request's head have the status and code of their kind, in the envelope of all errors."""

from __future__ import annotations

import orjson
import pytest

from proxy import http_errors
from proxy.errors import InvalidRequestError

KINDS = [each for each in vars(http_errors).values() if isinstance(each, type) and each is not InvalidRequestError]


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_an_invalid_request_with_its_own_status_and_code(kind: type[InvalidRequestError]) -> None:
    error = http_errors.HttpVersionError() if kind is http_errors.HttpVersionError else kind("why")
    body = orjson.loads(error.body())["error"]
    assert (body["type"], body["code"]) == ("invalid_request_error", kind.code)
    assert error.status == kind.status != 400 and body["message"]


def test_codes_and_statuses_are_unique() -> None:
    assert len({kind.code for kind in KINDS}) == len({kind.status for kind in KINDS}) == len(KINDS) == 6
