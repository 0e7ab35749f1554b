"""What messages contain besides text and images, in the words that routing and the dialects share."""

from __future__ import annotations

from typing import Any

from proxy.dialects.coerce import object_of

AUDIO, FILE, TEXT_FILE, FILE_URL, FILE_ID = "input_audio", "file", "text_file", "file_url", "file_id"
"""Audio, a file with its data (one that is a text counts apart), a file to fetch, a file that a provider stores."""
ALL_MEDIA = frozenset({AUDIO, FILE, TEXT_FILE, FILE_URL, FILE_ID})

_MEDIA_PARTS = ("file", "input_audio")
_TEXT_URL = "data:text/"


def is_https(url: str) -> bool:
    """Whether it is an address that providers fetch from."""
    return url[:8].lower() == "https://"


def is_media(part: dict[str, Any]) -> bool:
    """Whether a part of a content is a file or audio."""
    return part.get("type") in _MEDIA_PARTS


def file_reference(part: dict[str, Any]) -> str:
    """Return the data: URL, the URL or the id of a file, "" for audio and for a file that has none of them."""
    members = object_of(part.get("file"))
    reference = next((value for name in ("file_data", FILE_URL, FILE_ID) if (value := members.get(name))), "")
    return reference if isinstance(reference, str) else ""


def media_kind(part: dict[str, Any], reference: str) -> str:
    """Return the kind of a part, by the reference if it is a file."""
    if part["type"] == AUDIO:
        return AUDIO
    if reference[:5].lower() == "data:":
        return TEXT_FILE if reference.startswith(_TEXT_URL) else FILE
    return FILE_URL if "://" in reference else FILE_ID if reference else FILE
