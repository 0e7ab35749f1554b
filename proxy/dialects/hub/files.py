"""Reads the `file` parts of messages: a file's data, its URL, or its id at the provider that stores it."""

from __future__ import annotations

import binascii
import re
from typing import Any

from msgspec import Struct

from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.hub.content import invalid_param, parse_data_url, unsupported_feature
from proxy.errors import InvalidRequestError

PDF = "application/pdf"
TEXT = "text/plain"
_TEXTS = re.compile(r"text/|application/(?:\w[\w.-]*\+)?(?:json|xml|yaml)$|application/(?:javascript|x-yaml|toml|sql)$")
"""Media types whose files are texts."""
_REFERENCES = ("file_data", "file_url", "file_id")
"""The members of a file that may say what it is, of which the first with a value counts."""


class File(Struct, frozen=True):
    """A file in a message. It has `data`, or else a `url` or an `id`."""

    where: str
    """The path of the member that says what it is, for errors."""
    media_type: str = ""
    """The type of its data."""
    data: str = ""
    """Base64."""
    name: str = ""
    url: str = ""
    id: str = ""

    @property
    def data_url(self) -> str:
        """The data: URL of its data."""
        return f"data:{self.media_type};base64,{self.data}"

    @property
    def is_text(self) -> bool:
        """Whether its data is a text."""
        return _TEXTS.match(self.media_type) is not None

    @property
    def text(self) -> str:
        """The text that its data is. Raises InvalidRequestError unless it is one in UTF-8."""
        try:
            return binascii.a2b_base64(self.data).decode()
        except ValueError as error:
            raise invalid_param(self.where, "is not base64 of a text in UTF-8") from error

    def refusal(self) -> InvalidRequestError:
        """Return the error of a target that takes no such file."""
        if self.id:
            return unsupported_feature(self.where, "is known to the provider that stores the file only: send its data")
        if self.url:
            return unsupported_feature(self.where, "this provider fetches no files: send the file's data")
        return unsupported_feature(self.where, f"this provider takes no files of the type {self.media_type}")


def parse_file(part: dict[str, Any], where: str) -> File:
    """Return the file of a `file` part. Raises InvalidRequestError if nothing says what it is."""
    members = object_of(part.get("file"))
    name = text_of(members.get("filename"))
    member = next((each for each in _REFERENCES if members.get(each)), _REFERENCES[0])
    path, value = f"{where}.file.{member}", members.get(member)
    if not isinstance(value, str):
        raise invalid_param(path, "must be a data: URL, or `file_url` or `file_id` a string")
    if "://" in value:
        return File(path, name=name, url=value)
    if member == "file_id":
        return File(path, name=name, id=value)
    media_type, data = parse_data_url(value, path)
    return File(path, media_type, data, name)


def parse_document(part: dict[str, Any], where: str) -> File:
    """Return a file that is a PDF or a text, or not in the request. Raises InvalidRequestError for any other."""
    file = parse_file(part, where)
    if file.media_type and file.media_type != PDF and not file.is_text:
        raise file.refusal()
    return file
