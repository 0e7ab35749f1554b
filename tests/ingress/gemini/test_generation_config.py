"""The options of an answer become the hub's."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequestError
from proxy.ingress.gemini.generation_config import options, read_config, shows_thoughts, unknown_members


def translated(config: dict[str, Any]) -> dict[str, Any]:
    return options(read_config({"generationConfig": config}))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, {}),
        ({"temperature": 0, "top_p": 1, "seed": 0}, {"temperature": 0, "top_p": 1, "seed": 0}),
        ({"topK": 5.0}, {"top_k": 5}),
        ({"topK": 5.5}, {"top_k": 5.5}),
        ({"max_output_tokens": 9, "stop_sequences": ["a"]}, {"max_tokens": 9, "stop": ["a"]}),
        ({"responseMimeType": "text/plain", "responseModalities": ["TEXT"]}, {}),
        ({"responseModalities": ["AUDIO"]}, {"modalities": ["audio"]}),
        ({"responseMimeType": "application/json"}, {"response_format": {"type": "json_object"}}),
    ],
)
def test_options(config: dict[str, Any], expected: dict[str, Any]) -> None:
    assert translated(config) == expected


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [
        ({}, None),
        ({"includeThoughts": True}, "medium"),
        ({"includeThoughts": False}, None),
        ({"thinkingLevel": "HIGH"}, "high"),
        ({"thinking_level": "MINIMAL", "include_thoughts": True}, "minimal"),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
        ({"thinkingBudget": 0}, "none"),
        ({"thinkingBudget": -1}, "medium"),
        ({"thinkingBudget": 1024}, "low"),
        ({"thinkingBudget": 5000}, "medium"),
        ({"thinkingBudget": 20000}, "high"),
    ],
)
def test_how_much_to_think(thinking: dict[str, Any], effort: str | None) -> None:
    assert translated({"thinkingConfig": thinking}).get("reasoning_effort") == effort


def test_thoughts_are_shown_where_they_are_asked_for() -> None:
    assert shows_thoughts(read_config({"generationConfig": {"thinking_config": {"include_thoughts": True}}}))
    assert not shows_thoughts(read_config({"generationConfig": {"thinkingConfig": {"thinkingLevel": "HIGH"}}}))


@pytest.mark.parametrize("name", ["responseJsonSchema", "response_json_schema", "responseSchema"])
def test_a_schema_of_the_answer(name: str) -> None:
    schema = {"type": "object", "properties": {"a_b": {"type": "string"}}}
    found = translated({"responseMimeType": "application/json", name: schema})["response_format"]["json_schema"]
    assert found["schema"] == schema


def test_members_that_the_hub_has_no_word_for_are_named() -> None:
    assert unknown_members(read_config({"generationConfig": {"speech_config": {}, "topP": 1, "newMember": 1}})) == [
        "speechConfig",
        "newMember",
    ]


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ([], "generationConfig"),
        ({"temperature": "hot"}, "generationConfig.temperature"),
        ({"candidateCount": True}, "generationConfig.candidateCount"),
        ({"max_output_tokens": 1.5}, "generationConfig.maxOutputTokens"),
        ({"stopSequences": "a"}, "generationConfig.stopSequences"),
        ({"thinkingConfig": 5}, "generationConfig.thinkingConfig"),
        ({"responseModalities": 5}, "generationConfig.responseModalities"),
        ({"responseMimeType": "application/json", "responseSchema": 5}, "generationConfig.responseSchema"),
        ({"response_format": {}}, "generationConfig.responseFormat"),
        ({"responseMimeType": "text/x.enum"}, "generationConfig.responseMimeType"),
    ],
)
def test_the_error_for_a_malformed_option_names_it(config: Any, param: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        translated(config)
    assert raised.value.param == param
