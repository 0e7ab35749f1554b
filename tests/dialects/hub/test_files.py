"""A file in a message has its data, a URL or an id."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.files import File, parse_document, parse_file
from proxy.errors import InvalidRequestError

PDF_URL = "data:application/pdf;base64,JVBERi0xLjQK"


def part(**file: Any) -> dict[str, Any]:
    return {"type": "file", "file": file}


def test_a_pdf_keeps_its_base64_and_a_text_is_decoded() -> None:
    pdf = parse_document(part(file_data=PDF_URL, filename="a.pdf"), "p")
    assert pdf == File("p.file.file_data", "application/pdf", "JVBERi0xLjQK", "a.pdf") and pdf.data_url == PDF_URL
    assert parse_document(part(file_data="data:text/plain;base64,aMOp"), "p").text == "h\u00e9"


def test_a_wrong_type_is_corrected_by_the_first_bytes() -> None:
    assert parse_file(part(file_data="data:text/plain;base64,JVBERi0xLjQK"), "p").media_type == "application/pdf"


@pytest.mark.parametrize("media_type, is_text", [
    ("text/csv", True), ("text/markdown", True), ("application/json", True), ("application/ld+json", True),
    ("application/jsonp", False), ("application/octet-stream", False), ("image/png", False),
])  # fmt: skip
def test_texts_are_known_by_their_type(media_type: str, is_text: bool) -> None:
    assert File("p", media_type, "aGk=").is_text == is_text


@pytest.mark.parametrize("file, url, id", [
    ({"file_id": "file-1"}, "", "file-1"),
    ({"file_id": "gs://b/a.pdf"}, "gs://b/a.pdf", ""),
    ({"file_url": "https://x.y/a.pdf"}, "https://x.y/a.pdf", ""),
    ({"file_data": "https://x.y/a.pdf"}, "https://x.y/a.pdf", ""),
])  # fmt: skip
def test_a_file_may_be_elsewhere(file: dict[str, Any], url: str, id: str) -> None:
    found = parse_document(part(**file), "p")
    assert (found.url, found.id, found.data) == (url, id, "")
    assert found.refusal().code == "unsupported_feature" and found.refusal().param == f"p.file.{next(iter(file))}"


@pytest.mark.parametrize(
    "file", [{}, {"file_data": "x"}, {"file_data": 3}, {"file_data": "data:video/mp4;base64,AAAA"}]
)
def test_any_other_file_is_rejected_with_its_path(file: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_document(part(**file), "p")
    assert caught.value.param == "p.file.file_data"


def test_a_text_that_is_not_utf_8_is_rejected() -> None:
    with pytest.raises(InvalidRequestError, match="UTF-8"):
        _ = parse_file(part(file_data="data:text/plain;base64,/w=="), "p").text
