"""Parts of messages and of tool outputs. Golden requests show the usual ones."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.errors import InvalidRequestError
from proxy.ingress.openai_responses.content import hub_content


@pytest.mark.parametrize("part, param, code", [
    ({"type": "input_image", "file_id": "file_1"}, "c[0].file_id", "unsupported_feature"),
    ({"type": "input_file", "file_id": "file_1"}, "c[0].file_id", "unsupported_feature"),
    ({"type": "input_image"}, "c[0].image_url", "invalid_request"),
    ({"type": "input_file"}, "c[0].file_data", "invalid_request"),
    ({"type": "input_text"}, "c[0].text", "invalid_request"),
    ({"type": "refusal"}, "c[0].refusal", "invalid_request"),
    ({"type": "input_audio"}, "c[0].input_audio", "invalid_request"),
    ({"type": "input_video"}, "c[0]", "invalid_request"),
    ({}, "c[0]", "invalid_request"),
    (5, "c[0]", "invalid_request"),
])  # fmt: skip
def test_a_part_that_cannot_be_expressed_is_named(part: Any, param: str, code: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        hub_content([part], "c")
    assert (caught.value.param, caught.value.code) == (param, code)


@pytest.mark.parametrize("name, media_type", [
    ("a.pdf", "application/pdf"), ("a.txt", "text/plain"), ("", "application/pdf"), ("a.unknown", "application/pdf"),
])  # fmt: skip
def test_bare_base64_becomes_a_data_url_of_the_type_that_the_file_name_has(name: str, media_type: str) -> None:
    (part,) = hub_content([{"type": "input_file", "file_data": "AAAA", "filename": name}], "c")
    assert part["file"]["file_data"] == f"data:{media_type};base64,AAAA"  # type: ignore[index]


def test_a_file_at_a_url_keeps_its_name() -> None:
    part = {"type": "input_file", "file_url": "https://x/y.pdf", "filename": "y.pdf"}
    assert hub_content([part], "c") == [{"type": "file", "file": {"file_data": "https://x/y.pdf", "filename": "y.pdf"}}]


@pytest.mark.parametrize("breakpoint, expected", [
    ({"mode": "explicit"}, {"type": "ephemeral"}),
    ({"mode": "explicit", "ttl": "12h"}, {"type": "ephemeral", "ttl": "1h"}),
])  # fmt: skip
def test_a_cache_breakpoint_is_kept_for_providers_that_have_it(breakpoint: Any, expected: Any) -> None:
    (part,) = hub_content([{"type": "input_text", "text": "x", "prompt_cache_breakpoint": breakpoint}], "c")
    assert part["cache_control"] == expected  # type: ignore[index]


def test_a_text_stays_a_text() -> None:
    assert hub_content("x", "c") == "x"
