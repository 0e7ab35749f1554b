"""Golden files of complete answers, which are valid for Google's SDK."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from proxy.errors import MalformedResponse
from proxy.ingress.gemini.response import response_from_hub
from tests.dialects.oracles import corruptions
from tests.ingress.gemini.golden import context, expected_of, hub_files, load, translated_answer, valid

FILES = [pytest.param(file, id=file.name) for file in hub_files("answers", "json")]


def parts(message: dict[str, Any], *, thoughts: bool = True) -> list[dict[str, Any]]:
    data = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
    return translated_answer(data, thoughts=thoughts)["candidates"][0]["content"]["parts"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("file", FILES)
def test_an_answer_becomes_a_response_of_the_sdk(file: Path) -> None:
    found = translated_answer(file.read_bytes())
    assert found == load(expected_of(file, "gemini"))
    assert valid(found).usage_metadata is not None


def test_thoughts_that_were_not_asked_for_are_not_shown() -> None:
    message = {"content": "Yes", "reasoning_content": "Hm."}
    assert parts(message) == [{"text": "Hm.", "thought": True}, {"text": "Yes"}]
    assert parts(message, thoughts=False) == [{"text": "Yes"}]


@pytest.mark.parametrize("file", FILES)
def test_no_value_of_another_type_breaks_the_translation(file: Path) -> None:
    for corrupted in corruptions(load(file)):
        with suppress(MalformedResponse):
            json.loads(response_from_hub(json.dumps(corrupted).encode(), context()))
