"""The status, code and body that the caller gets for each error."""

from __future__ import annotations

import orjson
import pytest

from proxy import errors
from proxy.errors import AllProvidersFailedError, ParrotError, UpstreamError, UpstreamErrorResponse

PLAIN = [
    (errors.InvalidRequestError, 400, "invalid_request_error", "invalid_request"),
    (errors.InvalidHeaderError, 400, "invalid_request_error", "invalid_header"),
    (errors.NoEligibleProviderError, 400, "invalid_request_error", "no_eligible_provider"),
    (errors.AuthenticationError, 401, "invalid_request_error", "invalid_api_key"),
    (errors.ForbiddenError, 403, "invalid_request_error", "forbidden"),
    (errors.NotFoundError, 404, "invalid_request_error", "not_found"),
    (errors.ModelNotFoundError, 404, "invalid_request_error", "model_not_found"),
    (errors.MethodNotAllowedError, 405, "invalid_request_error", "method_not_allowed"),
    (errors.RequestTimeoutError, 408, "invalid_request_error", "request_timeout"),
    (errors.RequestTooLargeError, 413, "invalid_request_error", "request_too_large"),
    (errors.LimitReachedError, 429, "rate_limit_error", "rate_limit_exceeded"),
    (errors.OverloadedError, 503, "server_error", "sidecar_overloaded"),
    (errors.ResourceExhaustedError, 503, "server_error", "sidecar_overloaded"),
    (errors.ResponseTooLargeError, 502, "server_error", "response_too_large"),
    (errors.UpstreamError, 502, "upstream_error", "upstream_error"),
    (errors.ConnectError, 502, "upstream_error", "connection_error"),
    (errors.EgressError, 502, "upstream_error", "egress_failed"),
    (errors.UpstreamDisconnected, 502, "upstream_error", "upstream_disconnected"),
    (errors.UpstreamTimeout, 504, "upstream_error", "upstream_timeout"),
    (errors.CallerTimeout, 504, "upstream_error", "upstream_timeout"),
    (errors.MalformedResponse, 502, "upstream_error", "upstream_malformed_output"),
    (ParrotError, 500, "server_error", "internal_error"),
]


@pytest.mark.parametrize(("kind", "status", "type_", "code"), PLAIN)
def test_each_error_has_a_body_in_openais_format(kind: type[ParrotError], status: int, type_: str, code: str) -> None:
    error = kind("the message", param="model")
    members = {"message": "the message", "type": type_, "param": "model", "code": code}
    assert (error.status, error.outcome, orjson.loads(error.body())) == (status, code, {"error": members})


def subclasses(kind: type[ParrotError]) -> set[type[ParrotError]]:
    return {kind}.union(*map(subclasses, kind.__subclasses__()))


def test_the_table_above_is_complete_except_for_errors_with_other_members() -> None:
    defined = {error for error in subclasses(ParrotError) if error.__module__ == ParrotError.__module__}
    assert {row[0] for row in PLAIN} == defined - {UpstreamErrorResponse, AllProvidersFailedError}


def test_a_given_code_applies_to_that_instance_only() -> None:
    assert errors.InvalidRequestError("the message", code="invalid_json").code == "invalid_json"
    assert errors.InvalidRequestError("the message").code == "invalid_request"


@pytest.mark.parametrize(
    ("kind", "trigger"),
    [
        (UpstreamError, "server_error"),
        (errors.ConnectError, "connection_error"),
        (errors.EgressError, "connection_error"),
        (errors.UpstreamDisconnected, "connection_error"),
        (errors.UpstreamTimeout, "timeout"),
        (errors.MalformedResponse, "server_error"),
    ],
)
def test_each_upstream_error_has_a_trigger_and_no_upstream_status(kind: type[UpstreamError], trigger: str) -> None:
    assert (kind("x").trigger, kind("x").upstream_status) == (trigger, None)


def test_an_error_response_has_the_given_members_and_its_trigger_as_outcome() -> None:
    members = {"message": "slower", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    error = UpstreamErrorResponse(429, members, trigger="rate_limit", headers={"retry-after": "3"})
    assert (error.status, error.upstream_status, error.outcome) == (429, 429, "rate_limit")
    assert (error.headers, orjson.loads(error.body())) == ({"retry-after": "3"}, {"error": members})


def test_a_body_in_openais_format_is_passed_on_unchanged() -> None:
    body = b'{ "error": {"message":"no", "x": 1.50e0} }'
    assert UpstreamErrorResponse(400, {"message": "no"}, trigger="invalid_request", body=body).body() == body


@pytest.mark.parametrize(
    ("members", "type_", "code"),
    [
        ({"message": "no"}, "upstream_error", "upstream_error"),
        ({"message": "no", "type": "t"}, "t", "t"),
        ({"message": "no", "type": None, "code": 1300}, "upstream_error", "1300"),
    ],
)
def test_missing_members_of_an_error_response_get_defaults(members: dict[str, object], type_: str, code: str) -> None:
    error = UpstreamErrorResponse(400, members, trigger="invalid_request")
    assert (error.type, error.code) == (type_, code)


def test_when_all_providers_failed_the_body_lists_the_attempts() -> None:
    attempts = [{"provider": "openai", "outcome": "timeout"}]
    error = AllProvidersFailedError(
        "all failed", status=504, code="upstream_timeout", attempts=attempts, headers={"retry-after": "1"}
    )
    members = {"message": "all failed", "type": "upstream_error", "param": None, "code": "upstream_timeout"}
    assert orjson.loads(error.body()) == {"error": members | {"attempts": attempts}}
    assert (error.status, error.headers) == (504, {"retry-after": "1"})


def test_a_message_with_surrogates_is_encoded() -> None:
    members = orjson.loads(errors.ForbiddenError("the origin '\udcff' is refused").body())
    assert members["error"]["message"] == "the origin '?' is refused"


def test_extra_members_are_added_next_to_error() -> None:
    error = errors.InvalidRequestError("the message")
    plain = orjson.loads(error.body())
    error.extra["routing"] = {"plan": []}
    assert orjson.loads(error.body()) == {**plain, "routing": {"plan": []}}


def test_extra_members_are_appended_to_the_providers_body() -> None:
    original = b'{ "error": {"message": "x", "n": 1.0} }\n'
    error = UpstreamErrorResponse(400, {"message": "x"}, trigger="any", body=original)
    assert error.body() == original
    error.extra["routing"] = {"plan": []}
    assert error.body() == b'{ "error": {"message": "x", "n": 1.0} ,"routing":{"plan":[]}}'
