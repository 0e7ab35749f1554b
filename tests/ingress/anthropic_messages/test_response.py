"""Golden files of complete answers, valid for the types of Anthropic's SDK."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from proxy.errors import MalformedResponse
from tests.dialects.oracles import corruptions, golden_files
from tests.ingress.anthropic_messages.golden import HERE, expected_of, load, translated_answer, validate_message

FILES = golden_files(HERE / "answers", "*.hub.json")
THINKING = (HERE / "answers" / "signed_thinking.hub.json").read_bytes()


@pytest.mark.parametrize("file", FILES)
def test_an_answer_becomes_a_message(file: Path) -> None:
    assert validate_message(translated_answer(file.read_bytes())) == load(expected_of(file, "messages"))


@pytest.mark.parametrize("file", FILES)
def test_no_value_of_another_type_makes_an_invalid_message(file: Path) -> None:
    for corrupted in corruptions(load(file)):
        with suppress(MalformedResponse):
            validate_message(translated_answer(json.dumps(corrupted).encode()))


def test_thinking_that_was_not_asked_for_is_not_sent() -> None:
    assert [block["type"] for block in json.loads(translated_answer(THINKING, None))["content"]] == ["text"]


def test_omitted_thinking_has_its_signature() -> None:
    first, second, _ = json.loads(translated_answer(THINKING, "omitted"))["content"]
    assert first == {"type": "thinking", "thinking": "", "signature": "c2ln"}
    assert second == {"type": "redacted_thinking", "data": "eA=="}
