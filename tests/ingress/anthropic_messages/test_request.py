"""Golden files of requests, which Anthropic's SDK could have sent and which OpenAI's SDK could send on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming as ChatParams
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming as ChatStreamParams

from proxy.dialects.contract import CallerRequest
from proxy.dialects.openai import DIALECT
from proxy.errors import InvalidRequestError
from proxy.ingress.anthropic_messages.request import request_to_hub
from tests.dialects.oracles import corruptions, golden_files, strict
from tests.ingress.anthropic_messages.golden import HERE, expected_of, load, translated_request

FILES = golden_files(HERE / "requests", "*.messages.json")
BASE = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
_BETA = ("context_management",)


def without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [without(item, names) for item in value]
    if isinstance(value, dict):
        return {key: without(item, names) for key, item in value.items() if key not in names}
    return value


@pytest.mark.parametrize("file", FILES)
def test_a_request_becomes_that_of_the_hub(file: Path) -> None:
    assert translated_request(load(file)) == load(expected_of(file, "hub"))


@pytest.mark.parametrize("file", FILES)
def test_the_golden_requests_are_those_of_anthropics_sdk(file: Path) -> None:
    body = without(load(file), _BETA)
    strict(MessageCreateParamsStreaming if body.get("stream") else MessageCreateParamsNonStreaming).validate_python(
        body
    )


@pytest.mark.parametrize("file", FILES)
def test_what_openai_is_sent_is_a_request_of_its_sdk(file: Path) -> None:
    hub = load(expected_of(file, "hub"))["body"]
    sent = DIALECT.build_request(CallerRequest("chat", hub, json.dumps(hub).encode(), "gpt-5.2", "stream" in hub))
    body = json.loads(sent.body)
    strict(ChatStreamParams if body.get("stream") else ChatParams).validate_python(body)


def test_what_changes_with_every_build_of_a_client_is_no_part_of_the_prompt() -> None:
    system = [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=1;"},
        {"type": "text", "text": "Be brief."},
    ]
    messages = request_to_hub({**BASE, "system": system}).body["messages"]
    assert messages == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]


def test_sampling_parameters_and_the_members_of_the_sidecar_stay() -> None:
    own = {"temperature": 0.5, "top_p": 0.9, "top_k": 5, "routing": {"strategy": "cost"}}
    hub = request_to_hub({**BASE, **own})
    assert own.items() <= hub.body.items() and not hub.warnings


def test_what_only_anthropic_has_is_left_out_with_a_warning() -> None:
    own = {
        "mcp_servers": [{"type": "url"}],
        "container": "c",
        "context_management": {"edits": []},
        "inference_geo": None,
    }
    hub = request_to_hub({**BASE, **own, "new_member": 1})
    assert hub.body.keys() == {"model", "max_tokens", "messages"}
    assert hub.warnings == tuple(
        f"param-dropped;name={name}" for name in ("mcp_servers", "container", "context_management", "new_member")
    )


def test_an_unusual_type_of_a_block_is_in_no_header() -> None:
    content = [{"type": "a b\n"}, {"type": "text", "text": "Hi"}]
    assert request_to_hub({**BASE, "messages": [{"role": "user", "content": content}]}).warnings == ()


@pytest.mark.parametrize("closed", [True, False])
def test_a_schema_is_strict_if_the_hub_accepts_it_as_such(closed: bool) -> None:
    inner = {"type": "object", "properties": {"b": {"type": "null"}}, "required": ["b"] if closed else []}
    schema = {"type": "object", "properties": {"a": {"anyOf": [{**inner, "additionalProperties": False}]}}}
    schema |= {"required": ["a"], "additionalProperties": False}
    beta = {"output_format": {"type": "json_schema", "schema": schema}}
    shape = request_to_hub({**BASE, **beta}).body["response_format"]
    assert shape == {"type": "json_schema", "json_schema": {"name": "output", "schema": schema, "strict": closed}}


def test_a_long_id_of_a_user_is_hashed() -> None:
    users = [request_to_hub({**BASE, "metadata": {"user_id": "u" * size}}).body["user"] for size in (64, 65)]
    assert users[0] == "u" * 64 and len(users[1]) == 64 and users[1] != users[0]


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": [5]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0]"),
        ({"system": 5}, "system"),
        ({"tools": "f"}, "tools"),
        ({"tool_choice": {"type": "required"}}, "tool_choice.type"),
        ({"output_config": {"format": {"type": "json"}}}, "output_config.format"),
    ],
)
def test_the_error_for_a_malformed_request_names_the_member(changes: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        request_to_hub({**BASE, **changes})
    assert raised.value.param == param and raised.value.message.startswith(param)


@pytest.mark.parametrize("file", FILES)
def test_no_value_of_another_type_is_more_than_an_invalid_request(file: Path) -> None:
    for corrupted in corruptions(load(file)):
        if isinstance(corrupted, dict):
            try:
                json.dumps(request_to_hub(corrupted).body)
            except InvalidRequestError as error:
                assert error.param
