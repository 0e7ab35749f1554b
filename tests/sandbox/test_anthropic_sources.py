"""The simulated Anthropic refuses images and documents that it could not read."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.sandbox.anthropic_sources import check_source
from proxy.sandbox.contract import SimulatedError

PNG, JPEG, PDF = "iVBORw0KGgo=", "/9j/4AAQ", "JVBERi0xLjQK"


def base64(media_type: str, data: str) -> dict[str, str]:
    return {"type": "base64", "media_type": media_type, "data": data}


@pytest.mark.parametrize("kind, source", [
    ("image", base64("image/png", PNG)), ("image", {"type": "url", "url": "https://x.y/a.png"}),
    ("document", base64("application/pdf", PDF)), ("document", {"type": "file", "file_id": "file_01"}),
    ("document", {"type": "text", "media_type": "text/plain", "data": "x"}), ("document", {"type": "content", "content": "x"}),
])  # fmt: skip
def test_a_source_is_taken(kind: str, source: dict[str, Any]) -> None:
    check_source(source, kind, "s")


@pytest.mark.parametrize("kind, source, reason", [
    ("image", None, "s: Input tag"), ("image", {"type": "text"}, "s: Input tag"),
    ("image", base64("image/bmp", "Qk0="), "s.base64.media_type"),
    ("image", base64("image/png", JPEG), "appears to be a image/jpeg image"),
    ("document", base64("image/png", PNG), "s.base64.media_type"),
    ("document", {"type": "text", "media_type": "text/csv", "data": "x"}, "s.text.media_type"),
    ("document", {"type": "url", "url": "http://x.y/a.pdf"}, "Only HTTPS URLs"),
    ("image", {"type": "file", "file_id": "file-1"}, "File not found"),
])  # fmt: skip
def test_a_source_is_refused(kind: str, source: Any, reason: str) -> None:
    with pytest.raises(SimulatedError, match=reason):
        check_source(source, kind, "s")
