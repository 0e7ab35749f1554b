"""What other providers' answers leave in a conversation does not reach a target that rejects it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects.contract import CallerRequest
from proxy.dialects.hub.message_cleaning import (
    FOREIGN_IN_CALLS,
    FOREIGN_IN_MESSAGES,
    FOREIGN_IN_PARTS,
    CleaningRules,
    clean_messages,
    cleaned_messages,
)

OWN = CleaningRules(FOREIGN_IN_MESSAGES, FOREIGN_IN_CALLS, FOREIGN_IN_PARTS)
STRICT = CleaningRules(
    FOREIGN_IN_MESSAGES | {"annotations"},
    FOREIGN_IN_CALLS,
    FOREIGN_IN_PARTS,
    roles={"developer": "system"},
    own_nulls=False,
)
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SIGNED = {**CALL, "extra_content": {"google": {}}, "index": 0, "function": {**CALL["function"], "signature": "s"}}  # type: ignore[dict-item]


def one(message: dict[str, Any], rules: CleaningRules) -> dict[str, Any]:
    cleaned, *_ = clean_messages([message], rules)  # a call is followed by a result
    assert isinstance(cleaned, dict)
    return cleaned


@pytest.mark.parametrize("message, expected", [
    ({"role": "assistant", "content": "a", **{name: [] for name in FOREIGN_IN_MESSAGES}}, {"role": "assistant", "content": "a"}),
    ({"role": "assistant", "content": None, "tool_calls": [SIGNED]}, {"role": "assistant", "content": None, "tool_calls": [CALL]}),
    ({"role": "system", "content": [{"type": "text", "text": "x", "cache_control": {}}]},
     {"role": "system", "content": [{"type": "text", "text": "x"}]}),
    ({"role": "assistant", "content": None}, {"role": "assistant", "content": ""}),
    ({"role": "assistant", "content": "a", "tool_calls": []}, {"role": "assistant", "content": "a"}),
    ({"role": "tool", "tool_call_id": "a"}, {"role": "tool", "tool_call_id": "a", "content": ""}),
    ({"role": "user", "content": []}, {"role": "user", "content": ""}),
    ({"role": "assistant", "content": [], "tool_calls": [CALL]}, {"role": "assistant", "content": None, "tool_calls": [CALL]}),
])  # fmt: skip
def test_what_any_target_rejects_is_removed(message: dict[str, Any], expected: dict[str, Any]) -> None:
    assert one(message, OWN) == expected == one(message, STRICT)


@pytest.mark.parametrize("message, strict", [
    ({"role": "developer", "content": "x"}, {"role": "system", "content": "x"}),
    ({"role": "assistant", "content": None, "refusal": "no", "audio": None}, {"role": "assistant", "content": "no"}),
    ({"role": "assistant", "content": "a", "refusal": None, "function_call": None, "annotations": []},
     {"role": "assistant", "content": "a"}),
])  # fmt: skip
def test_what_the_formats_own_provider_sends_is_only_removed_for_others(
    message: dict[str, Any], strict: dict[str, Any]
) -> None:
    assert one(message, OWN) is message and one(message, STRICT) == strict


def test_unchanged_messages_keep_their_bytes() -> None:
    user = b'{ "role" : "user", "content":"h\\u00e9 \\"reasoning\\"", "x": 1.50}'
    raw = b'{"messages":[' + user + b' , {"role":"assistant","content":"a","reasoning":"r"}]}'
    request = CallerRequest("chat", orjson.loads(raw), raw, "m", False)
    changed = cleaned_messages(request, OWN)["messages"]
    assert bytes(changed) == b"[" + user + b',{"role":"assistant","content":"a"}]'


@pytest.mark.parametrize("messages", [
    None, {}, [], ["x", ["provider"]], [{"role": "user", "content": "the provider"}], [{"role": "user", "content": [{"type": "text", "text": ""}]}],
    [{"role": ["user"], "content": "x"}], [{"role": "user", "content": 5}, {"role": "assistant", "content": "a", "name": "n"}],
])  # fmt: skip
def test_a_conversation_without_them_is_not_changed(messages: Any) -> None:
    raw = orjson.dumps({"messages": messages})
    assert cleaned_messages(CallerRequest("chat", orjson.loads(raw), raw, "m", False), STRICT) == {}
