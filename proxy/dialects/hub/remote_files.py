"""Finds the images and files in messages that are given by a web address, and puts their data in its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.hub.media import FILE_URL, file_reference

_WEB = re.compile(r"https?://", re.IGNORECASE)


class RemoteFile(NamedTuple):
    """An image or a file in a message that is given by a web address."""

    where: str
    """The path of the address in the request."""
    url: str
    is_image: bool


Inline = Callable[[RemoteFile], str | None]
"""Returns the data: URL to send in place of the address, or None to leave it."""


def remote_files(messages: Any) -> Iterator[RemoteFile]:
    """Yield the images and files that are given by a web address."""
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        for _, found in _in_message(message, f"messages[{index}]"):
            yield found


def with_inlined(messages: list[Any], inline: Inline) -> list[Any]:
    """Return the messages with data in place of web addresses. Those that do not change are the same objects."""
    return [_with_inlined(message, f"messages[{index}]", inline) for index, message in enumerate(messages)]


def _with_inlined(message: Any, where: str, inline: Inline) -> Any:
    changed = {at: data for at, found in _in_message(message, where) if (data := inline(found)) is not None}
    if not changed:
        return message
    content = message["content"]
    return {**message, "content": [_with_data(part, changed.get(at)) for at, part in enumerate(content)]}


def _in_message(message: Any, where: str) -> Iterator[tuple[int, RemoteFile]]:
    """Yield the positions of parts in the content, with what they refer to."""
    content = object_of(message).get("content")
    for at, part in enumerate(content if isinstance(content, list) else ()):
        if isinstance(part, dict) and (found := _in_part(part, f"{where}.content[{at}]")) is not None:
            yield at, found


def _in_part(part: dict[str, Any], where: str) -> RemoteFile | None:
    if part.get("type") == "image_url":
        value = part.get("image_url")
        url = text_of(value.get("url") if isinstance(value, dict) else value)
        found = RemoteFile(f"{where}.image_url.url", url, is_image=True)
    elif part.get("type") == "file":
        found = RemoteFile(f"{where}.file.{_member(part)}", file_reference(part), is_image=False)
    else:
        return None
    return found if _WEB.match(found.url) else None


def _member(part: dict[str, Any]) -> str:
    return FILE_URL if FILE_URL in object_of(part.get("file")) else "file_data"


def _with_data(part: Any, data: str | None) -> Any:
    """Return the part with a data: URL, or unchanged without one."""
    if data is None:
        return part
    if part["type"] == "image_url":
        return {**part, "image_url": {**object_of(part["image_url"]), "url": data}}
    name = {name: value for name, value in part["file"].items() if name == "filename"}
    return {**part, "file": {**name, "file_data": data}}
