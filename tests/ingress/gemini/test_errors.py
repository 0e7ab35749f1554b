"""Errors are those that Google's SDK reads, with details of Google's types."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.dialects.google.tables import HTTP_STATUS
from proxy.errors import (
    AuthenticationError,
    InvalidRequestError,
    LimitReachedError,
    NotFoundError,
    OverloadedError,
    ParrotError,
)
from proxy.ingress.gemini.errors import WORDS, error_body, error_event
from proxy.sse import decode


def written(error: ParrotError) -> dict[str, Any]:
    return json.loads(error_body(error))["error"]  # type: ignore[no-any-return]


def details(error: ParrotError) -> dict[str, Any]:
    return {
        detail["@type"].removeprefix("type.googleapis.com/google.rpc."): detail for detail in written(error)["details"]
    }


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (InvalidRequestError("no"), 400, "INVALID_ARGUMENT"),
        (AuthenticationError("no"), 401, "UNAUTHENTICATED"),
        (NotFoundError("no"), 404, "NOT_FOUND"),
        (LimitReachedError("no"), 429, "RESOURCE_EXHAUSTED"),
        (OverloadedError("no"), 503, "UNAVAILABLE"),
        (ParrotError("no"), 500, "INTERNAL"),
    ],
)
def test_an_error_has_its_status_and_googles_word_for_it(error: ParrotError, code: int, word: str) -> None:
    found = written(error)
    assert (found["code"], found["message"], found["status"]) == (code, "no", word)


def test_a_status_without_a_word_of_its_own_has_one_for_its_side() -> None:
    for status, word in ((418, "INVALID_ARGUMENT"), (529, "INTERNAL")):
        error = ParrotError("no")
        error.status = status
        assert written(error)["status"] == word


def test_the_words_are_googles() -> None:
    assert set(WORDS.values()) <= HTTP_STATUS.keys()


def test_the_details_have_code_member_delay_and_id() -> None:
    error = InvalidRequestError("contents: no", param="contents", headers={"Retry-After": "7"})
    error.request_id = "r1"
    found = details(error)
    assert found["ErrorInfo"]["reason"] == "INVALID_REQUEST"
    assert found["BadRequest"]["fieldViolations"] == [{"field": "contents", "description": "contents: no"}]
    assert found["RetryInfo"]["retryDelay"] == "7s"
    assert found["RequestInfo"]["requestId"] == "r1"


@pytest.mark.parametrize("value", ["Fri, 31 Dec 1999 23:59:59 GMT", "", "1.5", "²"])
def test_a_delay_that_is_no_number_is_left_out(value: str) -> None:
    assert details(ParrotError("no", headers={"retry-after": value})).keys() == {"ErrorInfo"}


def test_further_members_stand_beside_the_error() -> None:
    error = ParrotError("no")
    error.extra = {"routing": {"plan": []}}
    assert json.loads(error_body(error)).keys() == {"error", "routing"}


def test_the_event_has_data_alone() -> None:
    event = decode(error_event(ParrotError("no")))
    assert event.name == "" and json.loads(event.data or b"")["error"]["message"] == "no"
