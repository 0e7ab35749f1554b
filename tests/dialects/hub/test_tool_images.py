"""Images of tool results are in a user message behind all results of that turn."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.tool_images import IN_NEXT_MESSAGE, has_tool_images, with_images_after_results

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
TEXT = {"type": "text", "text": "done"}
USER = {"role": "user", "content": "u"}


def result(id: str, *parts: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": list(parts)}


def images(*ids: str) -> dict[str, Any]:
    parts = [part for id in ids for part in ({"type": "text", "text": f"Result of the tool call {id}:"}, IMAGE)]
    return {"role": "user", "content": parts}


def test_images_follow_the_last_result_of_the_turn() -> None:
    messages = [USER, result("a", TEXT, IMAGE), result("b", IMAGE), USER, result("c", IMAGE, TEXT)]
    assert with_images_after_results(messages) == [
        USER, result("a", TEXT), {**result("b"), "content": IN_NEXT_MESSAGE}, images("a", "b"), USER, result("c", TEXT),
        images("c"),
    ]  # fmt: skip


@pytest.mark.parametrize("message", [
    USER, {"role": "user", "content": [IMAGE]}, result("a", TEXT), {"role": "tool", "content": None}, "x", result("a", "x"),
])  # fmt: skip
def test_any_other_conversation_is_the_same_object(message: Any) -> None:
    messages = [message]
    assert with_images_after_results(messages) is messages and not has_tool_images(messages)
