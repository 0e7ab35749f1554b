"""What a chunk contains is recorded; members that are missing or of the wrong type change nothing."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.chunk import chunk_from_object
from proxy.dialects.hub.record import record_chunk
from proxy.messages import CompletionState


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": None, "usage": None, "model": None},
        {"choices": 5, "usage": 5, "model": 5},
        {"choices": {"0": {"finish_reason": "stop"}}, "usage": "many", "model": ["m"]},
        {"choices": [None, 1, "x", {}, {"finish_reason": None}], "usage": {}, "model": ""},
    ],
)
def test_missing_and_malformed_members_are_ignored(body: dict[str, Any]) -> None:
    state = CompletionState(model="m", usage={"total_tokens": 1})
    record_chunk(chunk_from_object(body), state)
    assert state == CompletionState(model="m", usage={"total_tokens": 1})
