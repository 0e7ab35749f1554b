"""The input of a response reaches OpenAI byte for byte, but for reasoning that is sealed for another provider."""

from __future__ import annotations

import json
from typing import Any

from proxy.dialects.contract import CallerRequest
from proxy.dialects.hub.sealed_reasoning import seal
from proxy.dialects.openai.request import build_request

OWN = '{"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"}'
FOREIGN = json.dumps({"type": "reasoning", "summary": [], "encrypted_content": seal({"thinking_blocks": []})})
TEXT = '{"role":"user",  "content":"\\u00e4"}'


def sent(value: str) -> str:
    """Return the request that OpenAI receives for that `input`."""
    raw = f'{{"model":"m","input":{value}}}'
    body: dict[str, Any] = json.loads(raw)
    return build_request(CallerRequest("responses", body, raw.encode(), "gpt-5", False)).body.decode()


def test_sealed_reasoning_is_removed_and_all_other_items_keep_their_bytes() -> None:
    assert sent(f"[{TEXT},{FOREIGN},{OWN}]") == f'{{"model":"gpt-5","input":[{TEXT},{OWN}]}}'


def test_an_input_without_it_stays_as_it_is() -> None:
    assert sent(f"[{TEXT}, {OWN}]") == f'{{"model":"gpt-5","input":[{TEXT}, {OWN}]}}'
    text = json.dumps(seal({}))  # quoted by a user
    assert sent(text) == f'{{"model":"gpt-5","input":{text}}}'
