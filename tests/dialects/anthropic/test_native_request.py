"""A request in Anthropic's own format keeps the caller's bytes, but for the model and for thinking of other vendors."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proxy.dialects.anthropic.native_request import native_request
from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.thinking_signature import pack

CALL = {"type": "tool_use", "id": "c1", "name": "f", "input": {}}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "x"}]}
OWN = {"type": "thinking", "thinking": "Hm", "signature": "EqQB"}
FOREIGN = {"type": "thinking", "thinking": "Hm", "signature": pack({"call": "c1"})}
HI = {"role": "user", "content": "Hi"}


def build(raw: bytes, endpoint: str = "messages") -> ProviderRequest:
    return native_request(CallerRequest(endpoint, orjson.loads(raw), raw, "served", stream=False))


def sent(*messages: Any, **members: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    request = build(orjson.dumps({"model": "m", "messages": messages, **members}))
    return orjson.loads(request.body), request.warnings


def test_every_member_keeps_its_bytes_but_the_model() -> None:
    raw = b'{"model": "asked", "x": [1,  2.50, {"a" : "\\u00e9"}], "messages": [ {"role":"user", "content":"Hi"} ], "routing": {}}'
    expected = b'{"model":"served","x":[1,  2.50, {"a" : "\\u00e9"}],"messages":[ {"role":"user", "content":"Hi"} ]}'
    request = build(raw)
    assert (request.body, request.headers, request.warnings) == (expected, {}, ())


@pytest.mark.parametrize(
    ("endpoint", "path"), [("messages", "/v1/messages"), ("count_tokens", "/v1/messages/count_tokens")]
)
def test_each_endpoint_has_its_path(endpoint: str, path: str) -> None:
    assert build(b'{"model": "m", "messages": []}', endpoint).path == path


def test_thinking_that_anthropic_has_not_signed_is_left_out() -> None:
    body, warnings = sent(
        HI,
        {"role": "assistant", "content": [FOREIGN]},
        {"role": "assistant", "content": [OWN, {"type": "text", "text": "a"}, FOREIGN, CALL]},
        RESULT,
    )
    kept = {"role": "assistant", "content": [OWN, {"type": "text", "text": "a"}, CALL]}
    assert body["messages"] == [HI, kept, RESULT] and warnings == ()


def test_messages_that_have_none_keep_their_bytes() -> None:
    foreign = orjson.dumps({"role": "assistant", "content": [FOREIGN, CALL]})
    raw = b'{"model":"m","messages":[{"role": "user",  "content": "\\u00e9"},' + foreign + b"]}"
    assert b'[{"role": "user",  "content": "\\u00e9"},{"role":"assistant"' in build(raw).body


@pytest.mark.parametrize(
    ("thinking", "content", "stays"),
    [
        ({"type": "enabled", "budget_tokens": 1024}, [FOREIGN, CALL], False),
        ({"type": "enabled", "budget_tokens": 1024}, [CALL], False),
        ({"type": "enabled", "budget_tokens": 1024}, [FOREIGN, OWN, CALL], True),
        ({"type": "enabled", "budget_tokens": 1024}, [FOREIGN, {"type": "text", "text": "a"}], True),
        ({"type": "adaptive"}, [FOREIGN, CALL], True),
    ],
)
def test_thinking_with_a_budget_waits_for_a_turn_that_may_begin_with_it(
    thinking: Any, content: list[Any], stays: bool
) -> None:
    body, warnings = sent(HI, {"role": "assistant", "content": content}, RESULT, thinking=thinking)
    assert body.get("thinking") == (thinking if stays else None)
    assert warnings == (() if stays else ("param-dropped;name=thinking",))


def test_a_text_that_looks_like_a_signature_stays() -> None:
    message = {"role": "user", "content": [{"type": "text", "text": '"parrot.x"'}, "parrot."]}
    assert sent(message, "parrot.", {"role": "user", "content": "parrot."})[0]["messages"][0] == message
