"""Whole responses: golden files, valid for the SDK's type."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from proxy.errors import MalformedResponse
from proxy.ingress.openai_responses.response import response_from_hub
from tests.dialects.oracles import corruptions, golden_files
from tests.ingress.openai_responses.oracles import HERE, TOOLS, answer_context, validate_response

ANSWERS = golden_files(HERE / "answers", "*.hub.json")


@pytest.mark.parametrize("file", ANSWERS)
def test_a_completion_is_translated_to_its_golden_file(file: Path) -> None:
    response = json.loads(response_from_hub(file.read_bytes(), answer_context(tools=TOOLS)))
    validate_response(response)
    assert response == json.loads(file.with_name(file.name.replace(".hub.", ".responses.")).read_bytes())


@pytest.mark.parametrize("file", ANSWERS)
def test_a_corrupted_completion_raises_nothing_but_malformed_response(file: Path) -> None:
    for corrupted in corruptions(json.loads(file.read_bytes())):
        with suppress(MalformedResponse):
            response = json.loads(response_from_hub(json.dumps(corrupted).encode(), answer_context()))
            assert response["object"] == "response"


def test_the_model_is_the_one_that_was_asked_for_where_the_provider_names_none() -> None:
    completion = {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}
    assert json.loads(response_from_hub(json.dumps(completion).encode(), answer_context()))["model"] == "asked"
