"""Documents in messages are PDFs or texts, as data: URLs."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.files import File, parse_file
from proxy.errors import InvalidRequestError

PDF_URL = "data:application/pdf;base64,JVBERi0xLjQK"


def part(**file: Any) -> dict[str, Any]:
    return {"type": "file", "file": file}


def test_a_pdf_keeps_its_base64_and_a_text_is_decoded() -> None:
    pdf = parse_file(part(file_data=PDF_URL, filename="a.pdf"), "p")
    assert pdf == File("application/pdf", "JVBERi0xLjQK", "a.pdf") and pdf.url == PDF_URL
    assert parse_file(part(file_data="data:text/plain;base64,aMOp"), "p") == File("text/plain", "hé")


@pytest.mark.parametrize("file", [
    {}, {"file_id": "file-1"}, {"file_data": "x"}, {"file_data": "data:text/plain;base64,/w=="},
    {"file_data": "data:video/mp4;base64,AAAA"},
])  # fmt: skip
def test_any_other_file_is_rejected_with_its_path(file: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_file(part(**file), "p")
    assert caught.value.param == "p.file.file_data"
