"""The kinds of files and audio in messages."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.hub.media import file_reference, is_https, is_media, media_kind


@pytest.mark.parametrize("part, kind", [
    ({"type": "input_audio", "input_audio": {}}, "input_audio"),
    ({"type": "file", "file": {"file_data": "data:application/pdf;base64,AA=="}}, "file"),
    ({"type": "file", "file": {"file_data": "data:text/csv;base64,AA=="}}, "text_file"),
    ({"type": "file", "file": {"file_url": "https://x.y/a.pdf"}}, "file_url"),
    ({"type": "file", "file": {"file_id": "gs://b/a.pdf"}}, "file_url"),
    ({"type": "file", "file": {"file_id": "file-1"}}, "file_id"),
    ({"type": "file", "file": {"file_id": 3}}, "file"),
    ({"type": "file", "file": "x"}, "file"),
    ({"type": "file"}, "file"),
])  # fmt: skip
def test_a_part_has_a_kind(part: dict[str, Any], kind: str) -> None:
    assert is_media(part) and media_kind(part, file_reference(part)) == kind


@pytest.mark.parametrize("part", [{"type": "text"}, {"type": "image_url"}, {"type": []}, {}])
def test_texts_and_images_are_counted_elsewhere(part: dict[str, Any]) -> None:
    assert not is_media(part)


@pytest.mark.parametrize("url, expected", [("https://x.y", True), ("HTTPS://x.y", True), ("http://x.y", False)])
def test_providers_fetch_over_https(url: str, expected: bool) -> None:
    assert is_https(url) == expected
