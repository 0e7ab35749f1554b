"""Golden files of requests, as Google's SDK sends them and as OpenAI's could send them on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming as ChatParams
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming as ChatStreamParams

from proxy.dialects.contract import CallerRequest
from proxy.dialects.openai import DIALECT
from proxy.errors import InvalidRequestError
from proxy.ingress.gemini.request import request_to_hub
from tests.dialects.oracles import corruptions, golden_files, strict
from tests.ingress.gemini.golden import HERE, expected_of, load, translated_request

FILES = golden_files(HERE / "requests", "*.gemini.json")
BASE = {"model": "m", "contents": [{"parts": [{"text": "Hi"}]}]}


@pytest.mark.parametrize("file", FILES)
def test_a_request_becomes_that_of_the_hub(file: Path) -> None:
    assert translated_request(load(file)) == load(expected_of(file, "hub"))


@pytest.mark.parametrize("file", FILES)
def test_what_openai_is_sent_is_a_request_of_its_sdk(file: Path) -> None:
    hub = load(expected_of(file, "hub"))["body"]
    hub.pop("modalities", None)
    sent = DIALECT.build_request(
        CallerRequest("chat", hub, json.dumps(hub).encode(), "gpt-4.1", hub.get("stream") is True)
    )
    body = json.loads(sent.body)
    strict(ChatStreamParams if body.get("stream") else ChatParams).validate_python(body)


def test_cached_contents_are_an_unsupported_feature() -> None:
    for name in ("cachedContent", "cached_content"):
        with pytest.raises(InvalidRequestError) as raised:
            request_to_hub({**BASE, name: "cachedContents/a"})
        assert (raised.value.param, raised.value.code) == ("cachedContent", "unsupported_feature")


def test_what_only_changes_how_google_serves_it_is_left_out_with_a_warning() -> None:
    hub = request_to_hub({**BASE, "safetySettings": [{}], "new_member": 1, "labels": {"a": "b"}, "toolConfig": {}})
    assert hub.warnings == ("param-dropped;name=safetySettings", "param-dropped;name=newMember")


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"contents": []}, "contents"),
        ({"contents": "Hi"}, "contents"),
        ({"contents": [5]}, "contents[0]"),
        ({"systemInstruction": 5}, "systemInstruction"),
        ({"tools": "f"}, "tools"),
        ({"generationConfig": 5}, "generationConfig"),
        ({"tools": [{"functionDeclarations": [{"name": "f"}]}], "toolConfig": 5}, "toolConfig"),
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
