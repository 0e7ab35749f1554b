from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.history import ToolCall, image_part, role_of, tool_call_id_of, tool_calls_of
from proxy.errors import InvalidRequestError


@pytest.mark.parametrize("written, read", [("", "{}"), (None, "{}"), ('{"a":1}', '{"a":1}'), ({"a": 1}, '{"a":1}')])
def test_a_call_has_its_arguments_as_text(written: Any, read: str) -> None:
    call = {"id": "i", "type": "function", "function": {"name": "f", "arguments": written}}
    assert tool_calls_of({"tool_calls": [call]}, "m") == [ToolCall("i", "f", read)]


def test_a_message_may_have_no_calls() -> None:
    assert tool_calls_of({"tool_calls": None}, "m") == tool_calls_of({}, "m") == []


@pytest.mark.parametrize("message, param", [
    ({"function_call": {"name": "f"}}, "m.function_call"), ({"tool_calls": "x"}, "m.tool_calls"),
    ({"tool_calls": ["x"]}, "m.tool_calls[0].function.name"),
    ({"tool_calls": [{"id": "i"}]}, "m.tool_calls[0].function.name"),
    ({"tool_calls": [{"function": {"name": "f"}}]}, "m.tool_calls[0].id"),
])  # fmt: skip
def test_a_call_that_is_not_well_formed_is_named(message: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        tool_calls_of(message, "m")
    assert caught.value.param == param


@pytest.mark.parametrize("message", ["hi", {}, {"role": "bogus"}, {"role": ["user"]}])
def test_only_known_roles_speak(message: Any) -> None:
    assert role_of({"role": "user"}, "m", {"user": 1}) == "user"
    with pytest.raises(InvalidRequestError, match="one of user"):
        role_of(message, "m", {"user": 1})


def test_a_result_names_its_call() -> None:
    assert tool_call_id_of({"tool_call_id": "i"}, "m") == "i"
    with pytest.raises(InvalidRequestError):
        tool_call_id_of({}, "m")


@pytest.mark.parametrize("given, told", [
    ("https://x/y.png", {"url": "https://x/y.png"}),
    ({"url": "https://x/y.png", "detail": None}, {"url": "https://x/y.png"}),
    ({"url": "https://x/y.png", "detail": "low", "odd": 1}, {"url": "https://x/y.png", "detail": "low"}),
])  # fmt: skip
def test_a_picture_has_its_url_and_its_detail(given: Any, told: Any) -> None:
    assert image_part({"type": "image_url", "image_url": given, "cache_control": {}}, "m") == {
        "type": "image_url",
        "image_url": told,
    }
