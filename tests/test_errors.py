"""What a caller reads of each error."""

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
    (errors.OverloadedError, 503, "server_error", "sidecar_overloaded"),
    (errors.ResourceExhaustedError, 503, "server_error", "sidecar_overloaded"),
    (errors.UpstreamError, 502, "upstream_error", "upstream_error"),
    (errors.ConnectError, 502, "upstream_error", "connection_error"),
    (errors.EgressError, 502, "upstream_error", "egress_failed"),
    (errors.UpstreamDisconnected, 502, "upstream_error", "upstream_disconnected"),
    (errors.UpstreamTimeout, 504, "upstream_error", "upstream_timeout"),
    (errors.MalformedResponse, 502, "upstream_error", "upstream_malformed_output"),
    (ParrotError, 500, "server_error", "internal_error"),
]


@pytest.mark.parametrize(("kind", "status", "type_", "code"), PLAIN)
def test_each_error_is_an_openai_envelope(kind: type[ParrotError], status: int, type_: str, code: str) -> None:
    error = kind("it says", param="model")
    said = {"message": "it says", "type": type_, "param": "model", "code": code}
    assert (error.status, error.outcome, orjson.loads(error.body())) == (status, code, {"error": said})


def subclasses(kind: type[ParrotError]) -> set[type[ParrotError]]:
    return {kind}.union(*map(subclasses, kind.__subclasses__()))


def test_the_table_above_has_every_error_but_those_with_members_of_their_own() -> None:
    here = {error for error in subclasses(ParrotError) if error.__module__ == ParrotError.__module__}
    assert {row[0] for row in PLAIN} == here - {UpstreamErrorResponse, AllProvidersFailedError}


def test_a_code_given_is_its_own_and_stays_with_that_one_error() -> None:
    assert errors.InvalidRequestError("it says", code="invalid_json").code == "invalid_json"
    assert errors.InvalidRequestError("it says").code == "invalid_request"


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
def test_a_failed_attempt_names_its_class_and_has_no_status_of_the_provider(
    kind: type[UpstreamError], trigger: str
) -> None:
    assert (kind("x").trigger, kind("x").upstream_status) == (trigger, None)


def test_a_refusal_shows_the_members_it_was_given_and_is_counted_by_its_class() -> None:
    members = {"message": "slower", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    error = UpstreamErrorResponse(429, members, trigger="rate_limit", headers={"retry-after": "3"})
    assert (error.status, error.upstream_status, error.outcome) == (429, 429, "rate_limit")
    assert (error.headers, orjson.loads(error.body())) == ({"retry-after": "3"}, {"error": members})


def test_a_refusal_in_openais_envelope_keeps_the_providers_bytes() -> None:
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
def test_what_a_refusal_leaves_out_is_filled_in(members: dict[str, object], type_: str, code: str) -> None:
    error = UpstreamErrorResponse(400, members, trigger="invalid_request")
    assert (error.type, error.code) == (type_, code)


def test_when_all_have_failed_the_attempts_are_listed() -> None:
    attempts = [{"provider": "openai", "outcome": "timeout"}]
    error = AllProvidersFailedError(
        "nobody", status=504, code="upstream_timeout", attempts=attempts, headers={"retry-after": "1"}
    )
    said = {"message": "nobody", "type": "upstream_error", "param": None, "code": "upstream_timeout"}
    assert orjson.loads(error.body()) == {"error": said | {"attempts": attempts}}
    assert (error.status, error.headers) == (504, {"retry-after": "1"})


def test_a_quoted_header_that_is_not_utf8_does_not_break_the_answer() -> None:
    said = orjson.loads(errors.ForbiddenError("the origin '\udcff' is refused").body())
    assert said["error"]["message"] == "the origin '?' is refused"


def test_what_stands_beside_the_error_leaves_the_envelope_as_it_is() -> None:
    error = errors.InvalidRequestError("it says")
    plain = orjson.loads(error.body())
    error.extra["routing"] = {"plan": []}
    assert orjson.loads(error.body()) == {**plain, "routing": {"plan": []}}


def test_a_providers_own_envelope_keeps_its_bytes_beside_it() -> None:
    own = b'{ "error": {"message": "x", "n": 1.0} }\n'
    error = UpstreamErrorResponse(400, {"message": "x"}, trigger="any", body=own)
    assert error.body() == own
    error.extra["routing"] = {"plan": []}
    assert error.body() == b'{ "error": {"message": "x", "n": 1.0} ,"routing":{"plan":[]}}'
