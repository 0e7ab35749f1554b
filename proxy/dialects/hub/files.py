"""Reads the `file` parts of messages: a document as a data: URL."""

from __future__ import annotations

import binascii
from typing import Any

from msgspec import Struct

from proxy.dialects.hub.content import invalid_param, parse_data_url

PDF = "application/pdf"
TEXT = "text/plain"


class File(Struct, frozen=True):
    """A file in a message."""

    media_type: str
    """`application/pdf` or `text/plain`."""
    data: str
    """Base64 of a PDF, the text of a text file."""
    name: str = ""

    @property
    def url(self) -> str:
        """The data: URL of a PDF."""
        return f"data:{self.media_type};base64,{self.data}"


def parse_file(part: dict[str, Any], where: str) -> File:
    """Return the file of a `file` part. Raises InvalidRequestError unless it is a PDF or a text in UTF-8, as a data: URL."""
    path = f"{where}.file.file_data"
    file = part.get("file")
    url, name = (file.get("file_data"), file.get("filename")) if isinstance(file, dict) else (None, None)
    if not isinstance(url, str):
        raise invalid_param(path, "must be a data: URL: ids of files are known to the provider that stores them only")
    media_type, data = parse_data_url(url, path)
    if media_type not in (PDF, TEXT):
        raise invalid_param(path, f"file type {media_type} is not supported: send a PDF or a text")
    return File(media_type, data if media_type == PDF else _decoded(data, path), name if isinstance(name, str) else "")


def _decoded(data: str, where: str) -> str:
    try:
        return binascii.a2b_base64(data).decode()
    except ValueError as error:
        raise invalid_param(where, "is not base64 of a text in UTF-8") from error
