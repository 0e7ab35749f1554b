from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.history import ToolCall, image_part, role_of, tool_call_id_of, tool_calls_of
from proxy.errors import InvalidRequestError


@pytest.mark.parametrize("written, expected", [("", "{}"), (None, "{}"), ('{"a":1}', '{"a":1}'), ({"a": 1}, '{"a":1}')])
def test_a_tool_call_has_its_arguments_as_text(written: Any, expected: str) -> None:
    call = {"id": "i", "type": "function", "function": {"name": "f", "arguments": written}}
    assert tool_calls_of({"tool_calls": [call]}, "m") == [ToolCall("i", "f", expected)]


def test_a_message_may_have_no_tool_calls() -> None:
    assert tool_calls_of({"tool_calls": None}, "m") == tool_calls_of({}, "m") == []


@pytest.mark.parametrize("message, param", [
    ({"function_call": {"name": "f"}}, "m.function_call"), ({"tool_calls": "x"}, "m.tool_calls"),
    ({"tool_calls": ["x"]}, "m.tool_calls[0].function.name"),
    ({"tool_calls": [{"id": "i"}]}, "m.tool_calls[0].function.name"),
    ({"tool_calls": [{"function": {"name": "f"}}]}, "m.tool_calls[0].id"),
])  # fmt: skip
def test_a_malformed_tool_call_is_rejected_with_its_path(message: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        tool_calls_of(message, "m")
    assert caught.value.param == param


@pytest.mark.parametrize("message", ["hi", {}, {"role": "bogus"}, {"role": ["user"]}])
def test_unknown_roles_are_rejected(message: Any) -> None:
    assert role_of({"role": "user"}, "m", {"user": 1}) == "user"
    with pytest.raises(InvalidRequestError, match="one of user"):
        role_of(message, "m", {"user": 1})


def test_a_tool_result_names_its_call() -> None:
    assert tool_call_id_of({"tool_call_id": "i"}, "m") == "i"
    with pytest.raises(InvalidRequestError):
        tool_call_id_of({}, "m")


@pytest.mark.parametrize("sent, expected", [
    ("https://x/y.png", {"url": "https://x/y.png"}),
    ({"url": "https://x/y.png", "detail": None}, {"url": "https://x/y.png"}),
    ({"url": "https://x/y.png", "detail": "low", "odd": 1}, {"url": "https://x/y.png", "detail": "low"}),
])  # fmt: skip
def test_an_image_part_keeps_only_url_and_detail(sent: Any, expected: Any) -> None:
    assert image_part({"type": "image_url", "image_url": sent, "cache_control": {}}, "m") == {
        "type": "image_url",
        "image_url": expected,
    }
