"""Consecutive messages of one role become one, for hosts that reject them."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.role_merging import with_alternating_roles

CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]}
PICTURE = {"type": "image_url", "image_url": {"url": "data:,"}}


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


def answer(content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


@pytest.mark.parametrize("messages, expected", [
    ([user("a"), user("b"), user("c")], [user("a\n\nb\n\nc")]), ([answer(""), answer("b"), user("c")], [answer("b"), user("c")]),
    ([user("a"), user([PICTURE])], [user([{"type": "text", "text": "a"}, PICTURE])]),
])  # fmt: skip
def test_they_are_merged(messages: list[Any], expected: list[Any]) -> None:
    assert with_alternating_roles(messages) == expected


@pytest.mark.parametrize("messages", [
    [user("a"), answer("b"), user("c")], [answer("a"), CALL, {"role": "tool", "content": "x"}, {"role": "tool", "content": "y"}],
    [{"role": "system", "content": "a"}, {"role": "system", "content": "b"}], [user("a"), user("b", cache=1)], [user(None), user("a"), "x", "y"], [],
])  # fmt: skip
def test_anything_else_is_the_same_list(messages: list[Any]) -> None:
    assert with_alternating_roles(messages) is messages
