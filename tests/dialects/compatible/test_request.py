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


def sent(**body: Any) -> dict[str, Any]:
    body = {"model": "alias", "messages": HELLO, **body}
    built = DIALECT.build_request(CallerRequest("chat", body, orjson.dumps(body), "llama-4", bool(body.get("stream"))))
    assert built.path == "/chat/completions"
    members: dict[str, Any] = orjson.loads(built.body)
    return members


@pytest.mark.parametrize("file", golden_files(REQUESTS, "*.openai.json"))
def test_requests_match_the_golden_files(file: Path) -> None:
    body = orjson.loads(file.read_bytes())
    built = DIALECT.build_request(CallerRequest("chat", body, file.read_bytes(), "llama-4", bool(body.get("stream"))))
    assert orjson.loads(built.body) == orjson.loads(
        file.with_name(file.name.replace("openai", "compatible")).read_bytes()
    )


def test_a_request_that_needs_no_change_is_byte_exact() -> None:
    raw = b'{"model":"alias","messages":[{"role":"user", "content" : "hi"}],"temperature":1.0,"extra":{"a" :1}}'
    built = DIALECT.build_request(CallerRequest("chat", orjson.loads(raw), raw, "alias", False))
    assert built.body == raw


@pytest.mark.parametrize("message, expected", [
    ({"content": None, "function_call": None, "refusal": None}, {"content": ""}),
    ({"content": None, "refusal": None, "tool_calls": [{"id": "a"}]}, {"content": None, "tool_calls": [{"id": "a"}]}),
    ({"content": "a", "tool_calls": None, "audio": None}, {"content": "a"}),
    ({"content": "a"}, {"content": "a"}),
])  # fmt: skip
def test_null_members_of_assistant_messages_are_left_out(
    message: dict[str, Any], expected: dict[str, Any]
) -> None:  # G 51
    messages = sent(messages=[*HELLO, {"role": "assistant", **message}])["messages"]
    assert messages == [*HELLO, {"role": "assistant", **expected}]


@pytest.mark.parametrize("limits, expected", [
    ({"max_completion_tokens": 5}, 5), ({"max_tokens": 7}, 7), ({"max_completion_tokens": 5, "max_tokens": 7}, 5),
    ({"max_completion_tokens": None, "max_tokens": 7}, 7), ({}, None),
])  # fmt: skip
def test_the_limit_is_sent_as_max_tokens(limits: dict[str, Any], expected: int | None) -> None:
    body = sent(**limits)
    assert "max_completion_tokens" not in body and body.get("max_tokens") == expected


def test_usage_is_always_requested_in_streams() -> None:
    assert sent(stream=True, stream_options={"x": 1})["stream_options"] == {"x": 1, "include_usage": True}
    assert "stream_options" not in sent()


def test_the_routing_member_is_not_sent() -> None:
    assert "routing" not in sent(routing={"provider": "groq"})


def test_requests_are_valid_for_openais_type() -> None:
    strict(CompletionCreateParamsNonStreaming).validate_python(sent(max_completion_tokens=5))


@pytest.mark.parametrize("model, member, is_sent", [
    ("llama-4", "reasoning_content", False), ("deepseek-reasoner", "reasoning_content", True),
    ("openai/gpt-oss-120b", "reasoning_content", False), ("anthropic/claude-sonnet-5", "reasoning_details", True),
    ("moonshotai/kimi-k2-thinking", "reasoning_content", True), ("llama-4", "annotations", False),
])  # fmt: skip
def test_only_hosts_that_read_a_member_of_the_history_get_it(model: str, member: str, is_sent: bool) -> None:
    body = {"model": "a", "messages": [*HELLO, {"role": "assistant", "content": "x", member: "r"}]}
    built = DIALECT.build_request(CallerRequest("chat", body, orjson.dumps(body), model, False))
    assert (member in orjson.loads(built.body)["messages"][1]) is is_sent


def test_signatures_of_calls_reach_gemini_models_only() -> None:
    call = {
        "id": "a",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {}},
    }
    body = {"model": "a", "messages": [*HELLO, {"role": "assistant", "content": None, "tool_calls": [call]}]}
    for model, is_sent in (("gemini-3-pro", True), ("llama-4", False)):
        built = DIALECT.build_request(CallerRequest("chat", body, orjson.dumps(body), model, False))
        assert ("extra_content" in orjson.loads(built.body)["messages"][1]["tool_calls"][0]) is is_sent


def test_developer_messages_are_sent_as_system_messages() -> None:
    assert sent(messages=[{"role": "developer", "content": "x"}])["messages"] == [{"role": "system", "content": "x"}]


@pytest.mark.parametrize("given, refused, expected", [
    ({"max_tokens": 5}, {"max_tokens"}, {"max_completion_tokens": 5}), ({"max_completion_tokens": 5}, set(), {"max_tokens": 5}),
    ({"stream": True, "stream_options": {"include_usage": True}}, {"stream_options"}, {"stream": True}),
])  # fmt: skip
def test_what_a_host_refuses_is_left_out_or_renamed(
    given: dict[str, Any], refused: set[str], expected: dict[str, Any]
) -> None:
    body = {"model": "a", "messages": HELLO, **given}
    request = CallerRequest(
        "chat", body, orjson.dumps(body), "m", bool(given.get("stream")), refused=frozenset(refused)
    )
    assert orjson.loads(DIALECT.build_request(request).body) == {"model": "m", "messages": HELLO, **expected}


@pytest.mark.parametrize("model, roles", [
    ("llama-4", ["system", "user", "user"]), ("mixtral-8x7b", ["system", "user"]), ("google/gemma-3-27b-it", ["user"]), ("gemma4:31b", ["system", "user"]),
])  # fmt: skip
def test_models_with_a_strict_template_get_alternating_roles(model: str, roles: list[str]) -> None:
    texts = [("system", "a"), ("user", "b"), ("user", "c")]
    body = {"model": "a", "messages": [{"role": role, "content": text} for role, text in texts]}
    built = DIALECT.build_request(CallerRequest("chat", body, orjson.dumps(body), model, False))
    messages = orjson.loads(built.body)["messages"]
    assert [message["role"] for message in messages] == roles
    assert "".join(message["content"] for message in messages).replace("\n", "") == "abc"
