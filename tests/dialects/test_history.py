from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.history import Called, answered_call, calls_of, picture, role_of
from proxy.errors import InvalidRequest


@pytest.mark.parametrize("written, read", [("", "{}"), (None, "{}"), ('{"a":1}', '{"a":1}'), ({"a": 1}, '{"a":1}')])
def test_a_call_has_its_arguments_as_text(written: Any, read: str) -> None:
    call = {"id": "i", "type": "function", "function": {"name": "f", "arguments": written}}
    assert calls_of({"tool_calls": [call]}, "m") == [Called("i", "f", read)]


def test_a_message_may_have_no_calls() -> None:
    assert calls_of({"tool_calls": None}, "m") == calls_of({}, "m") == []


@pytest.mark.parametrize("message, param", [
    ({"function_call": {"name": "f"}}, "m.function_call"), ({"tool_calls": "x"}, "m.tool_calls"),
    ({"tool_calls": ["x"]}, "m.tool_calls[0].function.name"),
    ({"tool_calls": [{"id": "i"}]}, "m.tool_calls[0].function.name"),
    ({"tool_calls": [{"function": {"name": "f"}}]}, "m.tool_calls[0].id"),
])  # fmt: skip
def test_a_call_that_is_not_well_formed_is_named(message: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        calls_of(message, "m")
    assert caught.value.param == param


@pytest.mark.parametrize("message", ["hi", {}, {"role": "bogus"}, {"role": ["user"]}])
def test_only_known_roles_speak(message: Any) -> None:
    assert role_of({"role": "user"}, "m", {"user": 1}) == "user"
    with pytest.raises(InvalidRequest, match="one of user"):
        role_of(message, "m", {"user": 1})


def test_a_result_names_its_call() -> None:
    assert answered_call({"tool_call_id": "i"}, "m") == "i"
    with pytest.raises(InvalidRequest):
        answered_call({}, "m")


@pytest.mark.parametrize("given, told", [
    ("https://x/y.png", {"url": "https://x/y.png"}),
    ({"url": "https://x/y.png", "detail": None}, {"url": "https://x/y.png"}),
    ({"url": "https://x/y.png", "detail": "low", "odd": 1}, {"url": "https://x/y.png", "detail": "low"}),
])  # fmt: skip
def test_a_picture_has_its_url_and_its_detail(given: Any, told: Any) -> None:
    assert picture({"type": "image_url", "image_url": given, "cache_control": {}}, "m") == {
        "type": "image_url",
        "image_url": told,
    }
