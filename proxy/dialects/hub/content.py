"""Reads the content of the caller's messages: text, parts, images, tool arguments. Invalid content is a 400.

`where` is the path of the content in the request, such as `messages[2].content`. Errors name it.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from msgspec import Struct

from proxy.dialects.lenient_json import parse, serialize
from proxy.errors import InvalidRequestError
from proxy.json_values import count_values

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w-]+=[^;,]*)*;base64,", re.ASCII | re.IGNORECASE)
_MAX_DATA_URL_START = 4096
"""Characters of a data: URL before the data."""
_MAGIC = re.compile(
    rb"(\xff\xd8\xff)|(\x89PNG\r\n)|(GIF8)|(RIFF....WEBP)|(%PDF-)|(....ftyp(?:heic|heix|hevc))", re.DOTALL
)
_MAGIC_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp", "application/pdf", "image/heic")
"""Media type of each group of the pattern."""


def invalid_param(where: str, what: str) -> InvalidRequestError:
    """Return the error for an invalid part of the request, at path `where`."""
    return InvalidRequestError(f"{where}: {what}", param=where)


def unsupported_feature(where: str, what: str) -> InvalidRequestError:
    """Return the error for a part of the request that only some vendors understand, at path `where`."""
    return InvalidRequestError(f"{where}: {what}", param=where, code="unsupported_feature")


def content_parts(content: Any, where: str) -> list[dict[str, Any]]:
    """Return a message's content as parts: a string is one text part, null is []. Raises InvalidRequestError."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise invalid_param(where, "must be a string or a list of parts")
    for index, part in enumerate(content):
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise invalid_param(f"{where}[{index}]", "must be an object with a `type`")
    return content


def text_content(content: Any, where: str) -> str:
    """Return the joined text of a content that may contain only text and refusals. Raises InvalidRequestError."""
    if isinstance(content, str):
        return content
    return "".join(_texts(content_parts(content, where), where))


def _texts(items: list[dict[str, Any]], where: str) -> Iterable[str]:
    for index, part in enumerate(items):
        value = part_text(part)
        if value is None:
            raise invalid_param(f"{where}[{index}]", f"a part of type {part['type']!r} is not supported here")
        yield value


def part_text(part: dict[str, Any]) -> str | None:
    """Return the text of a `text` or `refusal` part, or None for other types."""
    value = part.get(part["type"]) if part["type"] in ("text", "refusal") else None
    return value if isinstance(value, str) else None


class Image(Struct, frozen=True):
    """An image in a message. `data` (base64) and `media_type` are "" unless it came as a data: URL."""

    url: str
    media_type: str = ""
    data: str = ""


def parse_image(part: dict[str, Any], where: str, schemes: tuple[str, ...] = ("https",)) -> Image:
    """Return the image of an `image_url` part. Raises InvalidRequestError for a URL that is neither data: nor of `schemes`."""
    value = part.get("image_url")
    url = value.get("url") if isinstance(value, dict) else value
    if not isinstance(url, str):
        raise invalid_param(f"{where}.image_url.url", "must be a string")
    if url[:5].lower() == "data:":
        media_type, data = parse_data_url(url, f"{where}.image_url.url")
        return Image(f"data:{media_type};base64,{data}", media_type, data)
    if url.partition("://")[0].lower() not in schemes:
        raise invalid_param(f"{where}.image_url.url", f"must be a data: URL or one of {', '.join(schemes)}")
    return Image(url)


def parse_data_url(url: str, where: str) -> tuple[str, str]:
    """Return the media type and the base64 of a data: URL. The type of the data's first bytes overrides the URL's."""
    match = _DATA_URL.match(url, 0, _MAX_DATA_URL_START)
    if match is None:
        raise invalid_param(where, "must be a base64 data: URL with a media type")
    data = url[match.end() :]
    return _sniff_media_type(data, where) or (match[1] or "application/octet-stream").lower(), data


def _sniff_media_type(data: str, where: str) -> str | None:
    try:
        start = binascii.a2b_base64(data[:32].encode("ascii"))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise invalid_param(where, "is not base64") from error
    return media_type_of(start)


def media_type_of(start: bytes) -> str | None:
    """Return the type of an image or a PDF by its first 24 bytes, or None for anything else."""
    found = _MAGIC.match(start)
    return _MAGIC_TYPES[found.lastindex - 1] if found is not None and found.lastindex else None


def arguments_json(call: Any, where: str) -> orjson.Fragment:
    """Return the arguments of a tool call in the history as a JSON object, {} if it has none. Raises InvalidRequestError.

    It is serialised at once, so that the values of no more than one call take memory at a time.
    """
    path = f"{where}.function.arguments"
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise invalid_param(f"{where}.function.name", "must be a string")
    arguments = function.get("arguments") or "{}"
    try:
        parsed = _parse_bounded(arguments.encode(), path) if isinstance(arguments, str) else arguments
    except ValueError as error:
        raise invalid_param(path, "is not JSON") from error
    if not isinstance(parsed, dict):
        raise invalid_param(path, "must be a JSON object")
    return orjson.Fragment(serialize_request(parsed))


MAX_VALUES_IN_TEXT = 200_000
"""JSON values in a text of the request, such as the arguments of a tool call. They are not among the body's own."""


def _parse_bounded(text: bytes, path: str) -> Any:
    if len(text) > MAX_VALUES_IN_TEXT and count_values(text, MAX_VALUES_IN_TEXT) > MAX_VALUES_IN_TEXT:
        raise invalid_param(path, f"has over {MAX_VALUES_IN_TEXT} JSON values")
    return parse(text)


def serialize_request(request: Mapping[str, Any]) -> bytes:
    """Serialise a request. Raises InvalidRequestError if it is nested deeper than orjson can write."""
    try:
        return serialize(request)
    except (TypeError, RecursionError) as error:
        raise InvalidRequestError("the request is nested too deeply") from error
