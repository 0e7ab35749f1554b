"""Requests in the hub's format: golden files, and errors that name the member which cannot be expressed."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParams

from proxy.errors import InvalidRequestError
from proxy.ingress.openai_responses.request import request_to_hub
from tests.dialects.oracles import corruptions, golden_files, strict
from tests.ingress.openai_responses.oracles import HERE, to_hub

REQUESTS = golden_files(HERE / "requests", "*.responses.json")
_NOT_OF_OPENAI = {"routing", "top_k"}
"""Members that callers may add for other providers."""


@pytest.mark.parametrize("file", REQUESTS)
def test_a_request_is_translated_to_its_golden_file(file: Path) -> None:
    hub = request_to_hub(json.loads(file.read_bytes()))
    expected = json.loads(file.with_name(file.name.replace(".responses.", ".hub.")).read_bytes())
    assert (hub.body, list(hub.warnings), list(hub.hosted_tools)) == tuple(expected.values())


@pytest.mark.parametrize("file", REQUESTS)
def test_a_translated_request_is_valid_for_the_sdk(file: Path) -> None:
    body = request_to_hub(json.loads(file.read_bytes())).body
    known = {name: value for name, value in body.items() if name not in _NOT_OF_OPENAI}
    known["messages"] = [_without_reasoning(message) for message in body["messages"]]
    strict(CompletionCreateParams).validate_python(known)


def _without_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message without what only other providers have."""
    calls = [{k: v for k, v in call.items() if k != "extra_content"} for call in message.get("tool_calls", ())]
    content = message["content"]
    parts = (
        [{k: v for k, v in part.items() if k != "cache_control"} for part in content]
        if isinstance(content, list)
        else content
    )
    if message["role"] == "tool" and isinstance(
        parts, list
    ):  # images of results: every dialect has its own way to send them
        parts = [part for part in parts if part["type"] == "text"]
    kept = {k: v for k, v in message.items() if k not in ("reasoning_content", "thinking_blocks")}
    return {**kept, "content": parts} | ({"tool_calls": calls} if calls else {})


@pytest.mark.parametrize("file", REQUESTS)
def test_a_corrupted_request_raises_nothing_but_invalid_request_error(file: Path) -> None:
    for corrupted in corruptions(json.loads(file.read_bytes())):
        if isinstance(corrupted, dict):
            with suppress(InvalidRequestError):
                assert request_to_hub(corrupted).body["messages"]


@pytest.mark.parametrize("members, param, code", [
    ({"input": None}, "input", "invalid_request"),
    ({"input": []}, "input", "invalid_request"),
    ({"input": 5}, "input", "invalid_request"),
    ({"instructions": ["x"]}, "instructions", "invalid_request"),
    ({"background": True}, "background", "unsupported_feature"),
    ({"conversation": "conv_1"}, "conversation", "unsupported_feature"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt", "unsupported_feature"),
    ({"previous_response_id": "resp_1"}, "previous_response_id", "previous_response_not_found"),
    ({"include": ["web_search_call.action.sources"]}, "include", "unsupported_feature"),
    ({"text": "x"}, "text", "invalid_request"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type", "invalid_request"),
    ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema", "invalid_request"),
    ({"reasoning": "high"}, "reasoning", "invalid_request"),
])  # fmt: skip
def test_what_the_hub_cannot_express_is_an_error_that_names_it(members: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(InvalidRequestError, match=param.split("_")[0].split(".")[0].capitalize()[1:]) as caught:
        to_hub(**members)
    assert (caught.value.param, caught.value.code) == (param, code)


@pytest.mark.parametrize(
    "name", ["background", "conversation", "prompt", "previous_response_id", "tools", "text", "reasoning"]
)
def test_null_is_the_same_as_a_missing_member(name: str) -> None:
    assert to_hub(**{name: None}) == to_hub()


def test_usage_is_requested_for_every_stream() -> None:
    assert to_hub(stream=True).body["stream_options"] == {"include_usage": True}
    assert "stream_options" not in to_hub(stream=False).body


def test_what_the_caller_wants_stored_is_not_stored_at_a_provider() -> None:
    assert "store" not in to_hub(store=True).body
