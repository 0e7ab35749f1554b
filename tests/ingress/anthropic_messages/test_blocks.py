"""Blocks become parts; the golden files hold each kind."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequestError
from proxy.ingress.anthropic_messages.blocks import content_of_parts, is_known, to_parts

TEXT = {"type": "text", "text": "a"}


def test_a_plain_text_is_a_string_and_several_are_joined_where_that_is_asked_for() -> None:
    assert content_of_parts([TEXT]) == "a" and content_of_parts([]) == ""
    assert content_of_parts([TEXT, TEXT]) == [TEXT, TEXT] and content_of_parts([TEXT, TEXT], "\n") == "a\na"


def test_a_mark_for_the_cache_stays_with_the_last_part_of_its_block() -> None:
    source = {"type": "content", "content": [TEXT, {"type": "image", "source": {"type": "url", "url": "https://x"}}]}
    text, image = to_parts([{"type": "document", "source": source, "cache_control": {"type": "ephemeral"}}], "c")
    assert "cache_control" not in text and image["cache_control"] == {"type": "ephemeral"}
    marked = {**TEXT, "cache_control": {"type": "ephemeral"}}
    assert content_of_parts(to_parts([marked], "c"), "\n") == [marked]


def test_a_block_that_is_not_known_is_left_out() -> None:
    assert to_parts([{"type": "container_upload", "file_id": "f"}, TEXT], "c") == [TEXT]
    assert is_known("text") and not is_known("container_upload")


@pytest.mark.parametrize(
    ("block", "param"),
    [
        ({"type": "text"}, "c[0].text"),
        ({"type": "image"}, "c[0].source"),
        ({"type": "image", "source": {"type": "url"}}, "c[0].source.url"),
        ({"type": "image", "source": {"type": "base64", "data": "x"}}, "c[0].source.media_type"),
        ({"type": "image", "source": {"type": "file"}}, "c[0].source.file_id"),
        ({"type": "document", "source": {"type": "text"}}, "c[0].source.data"),
        ({"type": "document", "source": {"type": "content", "content": 5}}, "c[0].source.content"),
        ({"type": "search_result", "content": 5}, "c[0].content"),
        ({"type": "tool_reference"}, "c[0].tool_name"),
    ],
)
def test_a_malformed_block_is_refused(block: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        to_parts([block], "c")
    assert raised.value.param == param
