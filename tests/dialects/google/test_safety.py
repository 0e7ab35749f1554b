"""Safety settings are parsed and deduplicated; invalid ones are rejected."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.dialects.google.safety import parse_body_member, parse_header
from proxy.errors import InvalidHeaderError, InvalidRequestError

MEDIUM = "BLOCK_MEDIUM_AND_ABOVE"


def header(**members: Any) -> str:
    return json.dumps(members)


def test_the_documented_header_is_parsed_and_its_outdated_category_mapped() -> None:
    safety = parse_header(
        header(harm_block_threshold=MEDIUM, categories=["HARM_CATEGORY_HATE_SPEECH", "HARM_CATEGORY_VIOLENCE"])
    )
    assert safety.settings == (
        {"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": MEDIUM},
        {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "threshold": MEDIUM},
    )
    assert safety.warnings == ("safety-category-mapped",)


def test_each_category_appears_once() -> None:
    names = ["HARM_CATEGORY_VIOLENCE", "HARM_CATEGORY_DANGEROUS_CONTENT", "HARM_CATEGORY_MEDICAL"]
    safety = parse_header(header(harm_block_threshold="OFF", categories=names))
    assert safety.settings == ({"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "threshold": "OFF"},)


@pytest.mark.parametrize("members", [{}, {"categories": []}, {"categories": None}])
def test_a_threshold_alone_applies_to_all_four_categories(members: dict[str, Any]) -> None:
    safety = parse_header(header(harm_block_threshold=MEDIUM, **members))
    assert len(safety.settings) == 4
    assert safety.warnings == ()


@pytest.mark.parametrize(
    ("text", "quoted", "valid"),
    [
        ("low", "'low'", "JSON"),
        ("[]", "[]", "harm_block_threshold"),
        (header(harm_block_threshold=MEDIUM, categoryes=[]), "categoryes", "categories"),
        (header(harm_block_threshold="HIGH"), "'HIGH'", "BLOCK_ONLY_HIGH"),
        (header(categories=["HARM_CATEGORY_HARASSMENT"]), "'None'", "BLOCK_ONLY_HIGH"),
        (
            header(harm_block_threshold=MEDIUM, categories=["HARM_CATEGORY_FUN"]),
            "'HARM_CATEGORY_FUN'",
            "HARM_CATEGORY_HARASSMENT",
        ),
        (header(harm_block_threshold=MEDIUM, categories=5), "'5'", "HARM_CATEGORY_HARASSMENT"),
    ],
)
def test_an_invalid_header_is_rejected_with_the_valid_values(text: str, quoted: str, valid: str) -> None:
    with pytest.raises(InvalidHeaderError) as caught:
        parse_header(text)
    assert caught.value.param == "X-Google-Safety-Settings"
    assert all(word in caught.value.message for word in ("X-Google-Safety-Settings", quoted, valid))


def test_the_body_accepts_the_headers_object_or_geminis_list() -> None:
    listed = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]
    assert list(parse_body_member(listed).settings) == listed
    assert parse_body_member(
        {"harm_block_threshold": "OFF", "categories": ["HARM_CATEGORY_HARASSMENT"]}
    ) == parse_body_member(listed)


@pytest.mark.parametrize("value", [5, ["x"], [{"category": "x"}], {"a": 1}])
def test_an_invalid_body_member_is_rejected(value: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_body_member(value)
    assert caught.value.param == "safety_settings"
