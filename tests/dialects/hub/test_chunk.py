"""Chunks are decoded leniently: a member of the wrong type counts as missing."""

from __future__ import annotations

from math import inf
from typing import Any

import orjson
import pytest

from proxy.dialects.hub.chunk import Choice, Chunk, ResponseObject, chunk_from_object, decode_chunk

TEXT = Choice(index=0, delta={"content": "a"})


@pytest.mark.parametrize(
    ("members", "seen"),
    [
        ({}, Chunk()),
        ({"id": "1", "object": "x", "usage": None, "obfuscation": "xx"}, Chunk(id="1")),
        ({"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": None}]}, Chunk(choices=[TEXT])),
        ({"choices": [None, 3, {"index": 0, "delta": {"content": "a"}}]}, Chunk(choices=[TEXT])),
        ({"choices": [{"index": "0", "finish_reason": "stop"}]}, Chunk(choices=[Choice(finish_reason="stop")])),
        ({"choices": [{"index": 0.5, "finish_reason": {"a": 1}}]}, Chunk(choices=[Choice(finish_reason={"a": 1})])),
        ({"choices": [{"delta": "a", "text": 7}]}, Chunk(choices=[Choice(delta="a", text=7)])),
        ({"choices": []}, Chunk(choices=[])),
        ({"choices": 5}, Chunk()),
        ({"model": 5, "usage": 5, "id": 5, "error": 5, "type": 5}, Chunk(id=5, error=5, type=5)),
        ({"usage": {"total_tokens": 3}, "response": 7}, Chunk(usage={"total_tokens": 3})),
        ({"response": {"model": "m", "usage": None}}, Chunk(response=ResponseObject(model="m"))),
        (
            {"response": {"model": 5, "usage": {"total_tokens": 3}}},
            Chunk(response=ResponseObject(usage={"total_tokens": 3})),
        ),
    ],
)
def test_a_member_of_the_wrong_type_is_missing(members: dict[str, Any], seen: Chunk) -> None:
    assert chunk_from_object(members) == seen == decode_chunk(orjson.dumps(members))


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"", None),
        (b"{", None),
        (b"oops", None),
        (b"NaN", None),
        (b'{"x":1} {', None),
        (b'{"x":"\xff"}', Chunk()),
        (b'{"error":"\xff"}', Chunk(error="\ufffd")),
        (b'{"id":"a\\ud83d","x":NaN}', Chunk(id="a\ud83d")),
        (b'{"choices":"\\ud83d","model":"m"}', Chunk(model="m")),
        (b'{"id":1e999,"model":"m"}', Chunk(id=inf, model="m")),
        (b'{"response":' * 1000 + b"{}" + b"}" * 1000, Chunk(response=ResponseObject())),
        (b'{"x":' + b"[" * 3000 + b"]" * 3000 + b"}", None),
        (b"[1, 2]", [1, 2]),
        (b'"text"', "text"),
        (b"7", 7),
        (' {"id": "é"}\n'.encode(), Chunk(id="é")),
    ],
)
def test_other_json_is_returned_as_it_is_and_invalid_json_as_none(data: bytes, value: Any) -> None:
    assert decode_chunk(data) == value
