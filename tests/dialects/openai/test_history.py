"""Other providers' members in a conversation do not reach OpenAI; the rest is the caller's bytes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from proxy.dialects.openai.history import has_foreign_members, without_foreign_members

USER = b'{ "role" : "user", "content":"h\\u00e9 \\"reasoning\\" 1.50"}'


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b'{"role":"assistant","content":"a", "reasoning_content":"hm"}', b'{"role":"assistant","content":"a"}'),
        (b'{"provider":"google","content": "a" }', b'{"content":"a"}'),
        (b'{"reasoning":"x","reasoning_details":[1],"thinking_blocks":[{}],"content":null}', b'{"content":null}'),
        (
            b'{"tool_calls":[{"id":"1" ,"extra_content":{"google":{}},"function":{ "a":1.50}},{ "id":"2"}]}',
            b'{"tool_calls":[{"id":"1","function":{ "a":1.50}},{ "id":"2"}]}',
        ),
        (b'{"content":"provider","name": "reasoning"}', b'{"content":"provider","name":"reasoning"}'),
        (b'{"tool_calls":"extra_content", "a":1}', b'{"tool_calls":"extra_content","a":1}'),
        (b'{"content": "plain", "tool_calls": null}', b'{"content": "plain", "tool_calls": null}'),
    ],
)
def test_foreign_members_are_removed_and_the_rest_is_byte_exact(message: bytes, expected: bytes) -> None:
    assert (
        bytes(without_foreign_members(msgspec.Raw(b"[" + USER + b" , " + message + b"]")))
        == b"[" + USER + b"," + expected + b"]"
    )


@pytest.mark.parametrize("messages", [b'{"provider":1}', b'[ {}, ["provider"]]'])
def test_anything_but_a_list_of_objects_is_passed_unchanged(messages: bytes) -> None:
    assert bytes(without_foreign_members(msgspec.Raw(messages))) == messages


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ([{"role": "user", "content": "the provider"}], False),
        ([{"role": "user"}, {"role": "assistant", "provider": "x"}], True),
        ([{"tool_calls": [{"id": "1"}, {"id": "2", "extra_content": {}}]}], True),
        ([{"tool_calls": [{"id": "extra_content"}, "extra_content"]}, "reasoning"], False),
        ([{"tool_calls": "extra_content"}, {"tool_calls": None}], False),
        (None, False),
    ],
)
def test_foreign_members_are_detected(messages: Any, found: bool) -> None:
    assert has_foreign_members(messages) is found
