from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.compatible.normalize import normalize_message

CHUNKS = [
    {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]},
    {"type": "text", "text": "a"},
    {"type": "reference", "reference_ids": [1]},
    {"type": "text", "text": "b"},
]


@pytest.mark.parametrize("message, expected", [
    ({"role": "assistant", "content": None}, {"role": "assistant"}),
    ({"content": "a", "reasoning": "r", "tool_calls": []}, {"content": "a", "reasoning_content": "r"}),
    ({"content": "a", "reasoning": "r", "reasoning_content": "q"}, {"content": "a", "reasoning_content": "q"}),
    ({"content": CHUNKS}, {"content": "ab", "reasoning_content": "hm"}),
    ({"content": [{"type": "thinking", "thinking": "hm"}]}, {"content": "", "reasoning_content": "hm"}),
    ({"content": "", "refusal": "no", "audio": None}, {"content": "", "refusal": "no"}),
    ({"content": ["a", {"text": "b"}, {"type": "output_text", "text": "c"}, 5]}, {"content": "abc"}),
    ({"content": {"type": "text", "text": "a"}}, {"content": "a"}),
    ({"content": [{"type": "reasoning", "text": "hm"}, {"type": [], "text": "a"}]},
     {"content": "a", "reasoning_content": "hm"}),
    ({"content": [{"type": "image_url", "image_url": {"url": "data:,"}}]},
     {"content": "", "images": [{"type": "image_url", "image_url": {"url": "data:,"}}]}),
    ({"content": "a", "thinking": "hm"}, {"content": "a", "reasoning_content": "hm"}),
    ({"reasoning": None, "reasoning_details": [{"type": "reasoning.text", "text": "h", "signature": "s"},
                                               {"type": "reasoning.summary", "summary": "m"},
                                               {"type": "reasoning.encrypted", "data": "x"}]},
     {"reasoning_content": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "h", "signature": "s"},
                                                       {"type": "reasoning.summary", "summary": "m"},
                                                       {"type": "reasoning.encrypted", "data": "x"}]}),
])  # fmt: skip
def test_members_get_openais_names(message: dict[str, Any], expected: dict[str, Any]) -> None:
    assert normalize_message(message) == expected
