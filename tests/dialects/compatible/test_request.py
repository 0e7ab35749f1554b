from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming

from proxy.dialects.compatible import DIALECT
from proxy.dialects.contract import CallerRequest
from tests.dialects.oracles import golden_files, strict

REQUESTS = Path(__file__).parent / "requests"
HELLO = [{"role": "user", "content": "hi"}]


def asked(**body: Any) -> dict[str, Any]:
    body = {"model": "alias", "messages": HELLO, **body}
    asking = DIALECT.build_request(CallerRequest("chat", body, orjson.dumps(body), "llama-4", bool(body.get("stream"))))
    assert asking.path == "/chat/completions"
    told: dict[str, Any] = orjson.loads(asking.body)
    return told


@pytest.mark.parametrize("file", golden_files(REQUESTS, "*.openai.json"))
def test_a_request_becomes_exactly_its_golden_one(file: Path) -> None:
    body = orjson.loads(file.read_bytes())
    told = DIALECT.build_request(CallerRequest("chat", body, file.read_bytes(), "llama-4", bool(body.get("stream"))))
    assert orjson.loads(told.body) == orjson.loads(file.with_name(file.name.replace("openai", "meta")).read_bytes())


def test_what_needs_no_change_stays_byte_for_byte() -> None:
    raw = b'{"model":"alias","messages":[{"role":"user", "content" : "hi"}],"temperature":1.0,"extra":{"a" :1}}'
    asking = DIALECT.build_request(CallerRequest("chat", orjson.loads(raw), raw, "alias", False))
    assert asking.body == raw


@pytest.mark.parametrize("message, told", [
    ({"content": None, "function_call": None, "refusal": None}, {"content": ""}),
    ({"content": None, "refusal": None, "tool_calls": [{"id": "a"}]}, {"content": None, "tool_calls": [{"id": "a"}]}),
    ({"content": "a", "tool_calls": None, "audio": None}, {"content": "a"}),
    ({"content": "a"}, {"content": "a"}),
])  # fmt: skip
def test_null_members_of_assistant_messages_are_left_out(message: dict[str, Any], told: dict[str, Any]) -> None:  # G 51
    messages = asked(messages=[*HELLO, {"role": "assistant", **message}])["messages"]
    assert messages == [*HELLO, {"role": "assistant", **told}]


@pytest.mark.parametrize("given, told", [
    ({"max_completion_tokens": 5}, 5), ({"max_tokens": 7}, 7), ({"max_completion_tokens": 5, "max_tokens": 7}, 5),
    ({"max_completion_tokens": None, "max_tokens": 7}, 7), ({}, None),
])  # fmt: skip
def test_the_limit_has_its_older_name(given: dict[str, Any], told: int | None) -> None:
    body = asked(**given)
    assert "max_completion_tokens" not in body and body.get("max_tokens") == told


def test_usage_is_always_asked_for_in_streams() -> None:
    assert asked(stream=True, stream_options={"x": 1})["stream_options"] == {"x": 1, "include_usage": True}
    assert "stream_options" not in asked()


def test_the_routing_member_stops_here() -> None:
    assert "routing" not in asked(routing={"provider": "groq"})


def test_openais_own_type_takes_what_is_asked() -> None:
    strict(CompletionCreateParamsNonStreaming).validate_python(asked(max_completion_tokens=5))
