"""What a member named after a dialect may contain, and what of a request it is."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects import DIALECTS
from proxy.errors import InvalidRequestError
from proxy.ingress.client_format import HubRequest
from proxy.routing.native_members import (
    check_native_members,
    keep_native_members,
    limits_in,
    native_bytes,
    native_members,
    without_limits,
    without_native_members,
)

BODY = {"model": "m", "anthropic": {"top_k": 5}, "meta": {"min_p": 0.1}, "mistral": None}


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("value", [[], "x", 1, False])
def test_a_native_member_that_is_no_object_is_an_error_that_names_it(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequestError, match=f"'{name}' must be an object") as caught:
        check_native_members({"model": "m", name: value})
    assert (caught.value.param, caught.value.code) == (name, "invalid_type")


@pytest.mark.parametrize(
    ("name", "members", "path"),
    [
        *[(name, {"model": "other"}, "model") for name in DIALECTS],
        *[(name, {"stream": None}, "stream") for name in DIALECTS],
        ("anthropic", {"messages": []}, "messages"),
        ("openai", {"previous_response_id": "resp_1"}, "previous_response_id"),
        ("openai", {"n": 9}, "n"),
        ("compatible", {"stream_options": {}}, "stream_options"),
        ("compatible", {"input": ["a", "b"]}, "input"),
        ("mistral", {"input": ["a", "b"]}, "input"),
        ("cohere", {"inputs": []}, "inputs"),
        ("google", {"requests": []}, "requests"),
        ("google", {"contents": []}, "contents"),
        ("google", {"generationConfig": {"candidateCount": 9}}, "generationConfig.candidateCount"),
        ("google", {"generation_config": {"candidate_count": 9}}, "generationConfig.candidateCount"),
        (
            "google", {"generationConfig": {"topK": 1}, "generation_config": {"candidate_count": 9}},
            "generationConfig.candidateCount",
        ),
    ],
)  # fmt: skip
def test_what_the_sidecar_sets_is_an_error_that_names_it(name: str, members: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"{name}.{path}: is set by the sidecar") as caught:
        check_native_members({"model": "m", name: members})
    assert caught.value.param == f"{name}.{path}"


def test_any_other_member_and_null_are_valid() -> None:
    check_native_members(BODY | {"google": {"generationConfig": {"topK": 1, "inner": {"model": 1}}}})


def test_a_dialect_gets_the_members_of_all_its_names() -> None:
    body = {"meta": {"a": 1, "b": 1}, "compatible": {"a": 2, "c": 2}, "openai": {"d": 1}}
    assert native_members(body, "meta") == native_members(body, "compatible") == {"a": 1, "b": 1, "c": 2}
    assert native_members(body, "openai") == {"d": 1} and native_members(body, "cohere") == {}


def test_native_members_are_told_from_those_of_the_callers_format() -> None:
    assert without_native_members(BODY) == {"model": "m"}
    hub = keep_native_members(HubRequest({"messages": []}), BODY)
    assert hub.body == {"messages": [], "anthropic": {"top_k": 5}, "meta": {"min_p": 0.1}, "mistral": None}


def test_the_largest_native_member_counts() -> None:
    assert native_bytes(BODY) == len('{"min_p":0.1}')


@pytest.mark.parametrize(
    ("dialect", "members", "paths", "rest"),
    [
        ("anthropic", {"max_tokens": 9, "top_k": 1}, ("max_tokens",), {"top_k": 1}),
        ("anthropic", {"top_k": 1}, (), {"top_k": 1}),
        ("openai", {"max_tokens": None, "max_completion_tokens": 1}, ("max_completion_tokens", "max_tokens"), {}),
        (
            "google", {"generation_config": {"max_output_tokens": 9, "topK": 1}},
            ("generationConfig.maxOutputTokens",), {"generation_config": {"topK": 1}},
        ),
        ("google", {"generationConfig": None, "store": True}, ("generationConfig.maxOutputTokens",), {"store": True}),
        ("google", {"generationConfig": {"topK": 1}}, (), {"generationConfig": {"topK": 1}}),
    ],
)  # fmt: skip
def test_limits_of_the_answer_are_found_and_left_out(
    dialect: str, members: dict[str, Any], paths: tuple[str, ...], rest: dict[str, Any]
) -> None:
    assert limits_in(members, dialect) == paths
    assert without_limits(members, dialect) == rest
