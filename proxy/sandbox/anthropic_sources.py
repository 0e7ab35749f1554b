"""Validation of where an image or a document in a request to Anthropic comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from proxy.sandbox.contract import SimulatedError

_KINDS: Mapping[str, tuple[str, ...]] = {
    "image": ("base64", "url", "file"),
    "document": ("base64", "text", "content", "url", "file"),
}
"""Type of a block -> the types of its source."""
_TYPES: Mapping[tuple[str, str], re.Pattern[str]] = {
    ("image", "base64"): re.compile(r"image/(?:jpeg|png|gif|webp)"),
    ("document", "base64"): re.compile(r"application/pdf"),
    ("document", "text"): re.compile(r"text/plain"),
}
"""Type of a block and of its source -> its media types."""
_FIRST_CHARACTERS: Mapping[str, str] = {
    "/9j/": "image/jpeg",
    "iVBO": "image/png",
    "R0lG": "image/gif",
    "UklG": "image/webp",
}
"""First characters of an image's base64 -> its type."""
_FILE_ID = re.compile(r"file_\w+")


def check_source(source: Any, kind: str, where: str) -> None:
    """Raise SimulatedError for a source of a block of that kind that Anthropic rejects."""
    form = source.get("type") if isinstance(source, dict) else None
    if form not in _KINDS[kind]:
        raise SimulatedError(400, f"{where}: Input tag '{form}' does not match any of the expected tags")
    media_type = str(source.get("media_type"))
    if (kind, form) in _TYPES and not _TYPES[kind, form].fullmatch(media_type):
        raise SimulatedError(400, f"{where}.{form}.media_type: Input should be another than '{media_type}'")
    found = _FIRST_CHARACTERS.get(str(source.get("data"))[:4], media_type)
    if kind == "image" and form == "base64" and found != media_type:
        message = (
            f"The image was specified using the {media_type} media type, but the image appears to be a {found} image"
        )
        raise SimulatedError(400, f"{where}.base64.data: {message}")
    if form == "url" and not str(source.get("url")).startswith("https://"):
        raise SimulatedError(400, f"{where}.url.url: Only HTTPS URLs are supported.")
    if form == "file" and not _FILE_ID.fullmatch(str(source.get("file_id"))):
        raise SimulatedError(400, f"{where}.file.file_id: File not found")
