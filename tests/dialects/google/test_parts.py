"""Files and audio become parts with data, or with a URL that Google reads. Golden requests show the usual ones."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.google.parts import is_stored, takes_url, to_part
from proxy.errors import InvalidRequestError

STORED = "https://generativelanguage.googleapis.com/v1beta/files/abc"


def file(**members: Any) -> dict[str, Any]:
    return {"type": "file", "file": members}


@pytest.mark.parametrize("part, expected", [
    (file(file_data="data:application/pdf;base64,JVBERi0xLjQK"), {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0xLjQK"}}),
    (file(file_data="data:text/csv;base64,YSxi"), {"inlineData": {"mimeType": "text/csv", "data": "YSxi"}}),
    (file(file_url="https://x.y/a.pdf"), {"fileData": {"fileUri": "https://x.y/a.pdf", "mimeType": "application/pdf"}}),
    (file(file_id=STORED), {"fileData": {"fileUri": STORED}}),
    ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}}, {"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}}),
])  # fmt: skip
def test_a_file_or_audio_is_sent_as_data_or_by_its_url(part: dict[str, Any], expected: dict[str, Any]) -> None:
    assert to_part(part, "p") == expected


@pytest.mark.parametrize("part, param", [
    (file(file_id="file-1"), "p.file.file_id"), (file(file_url="https://x.y/a.mp3"), "p.file.file_url"),
])  # fmt: skip
def test_a_file_that_google_cannot_read_is_an_unsupported_feature(part: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        to_part(part, "p")
    assert (caught.value.param, caught.value.code) == (param, "unsupported_feature")


@pytest.mark.parametrize("url, stored, read", [
    (STORED, True, True), ("gs://b/a.gif", True, True), ("https://youtu.be/x", True, True),
    ("https://x.y/a.webp", False, True), ("https://x.y/a", False, True), ("https://x.y/a.gif", False, False),
    ("http://x.y/a.png", False, False), ("https://[", False, False), ("file-1", False, False),
])  # fmt: skip
def test_google_reads_what_it_stores_and_what_it_fetches(url: str, stored: bool, read: bool) -> None:
    assert (is_stored(url), takes_url(url)) == (stored, read)
