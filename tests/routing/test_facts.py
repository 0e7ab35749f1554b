"""A body that cannot be routed is refused with the member that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.routing.facts import Facts, facts, parsed

MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("raw", "code", "message"),
    [
        (b"", "invalid_json", "the body is not JSON"),
        (b"{", "invalid_json", "the body is not JSON"),
        (b"\xff", "invalid_json", "the body is not JSON"),
        (b'{"a":NaN}', "invalid_json", "the body is not JSON"),
        (b"[]", "invalid_type", "the body must be a JSON object"),
        (b"null", "invalid_type", "the body must be a JSON object"),
        (b'"x"', "invalid_type", "the body must be a JSON object"),
    ],
)
def test_a_body_is_a_json_object(raw: bytes, code: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parsed(raw)
    assert (caught.value.status, caught.value.code, caught.value.message.split(": ")[0]) == (400, code, message)


def test_of_a_repeated_member_the_last_counts() -> None:
    assert parsed(b'{"model":"a","model":"b"}') == {"model": "b"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, Facts("chat", "m")),
        ({"stream": True}, Facts("chat", "m", stream=True)),
        ({"stream": None, "stream_options": None}, Facts("chat", "m")),
        ({"stream": True, "stream_options": {"include_usage": True}}, Facts("chat", "m", True, True)),
        ({"stream_options": {"include_usage": False}}, Facts("chat", "m")),
        ({"anything": 1}, Facts("chat", "m")),
    ],
)
def test_the_facts_of_a_body(body: dict[str, Any], expected: Facts) -> None:
    assert facts("chat", {"model": "m", "messages": MESSAGES, **body}) == expected


@pytest.mark.parametrize(
    ("body", "param", "code", "message"),
    [
        ({"model": None}, "model", "missing_required_parameter", "'model' is missing or empty"),
        ({"model": ""}, "model", "missing_required_parameter", "'model' is missing or empty"),
        ({"model": 4}, "model", "invalid_type", "'model' must be a string, got a number"),
        ({"model": ["m"]}, "model", "invalid_type", "'model' must be a string, got an array"),
        ({"messages": None}, "messages", "missing_required_parameter", "'messages' is missing or empty"),
        ({"messages": []}, "messages", "missing_required_parameter", "'messages' is missing or empty"),
        ({"messages": "hi"}, "messages", "invalid_type", "'messages' must be an array of messages, got a string"),
        ({"messages": {}}, "messages", "invalid_type", "'messages' must be an array of messages, got an object"),
        ({"messages": ["hi"]}, "messages[0]", "invalid_type", "'messages[0]' must be an object, got a string"),
        ({"messages": [*MESSAGES, {}]}, "messages[1].role", "invalid_type", "'messages[1].role' must be a string"),
        ({"messages": [{"role": 1}]}, "messages[0].role", "invalid_type", "'messages[0].role' must be a string"),
        ({"stream": "yes"}, "stream", "invalid_type", "'stream' must be a boolean, got a string"),
        ({"stream": 1}, "stream", "invalid_type", "'stream' must be a boolean, got a number"),
        ({"stream_options": True}, "stream_options", "invalid_type", "'stream_options' must be an object,"
         " got a boolean"),
    ],
)  # fmt: skip
def test_a_wrong_member_is_named(body: dict[str, Any], param: str, code: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        facts("chat", {"model": "m", "messages": MESSAGES, **body})
    assert (caught.value.param, caught.value.code, caught.value.message) == (param, code, message)
