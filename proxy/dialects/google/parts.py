"""Translates the parts of OpenAI's messages into those of Gemini's contents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from proxy.dialects.google.tables import FETCHED_TYPES, FILE_HOSTS, MEDIA_TYPES
from proxy.dialects.hub.content import invalid_param, parse_image, part_text, unsupported_feature
from proxy.dialects.hub.files import parse_file

Part = dict[str, Any]


def to_part(part: dict[str, Any], where: str) -> Part:
    """Translate a part of a content, found at the path `where`. Raises InvalidRequestError."""
    text = part_text(part)
    if text is not None:
        return {"text": text}
    translate = _TRANSLATORS.get(part["type"])
    if translate is None:
        raise invalid_param(where, f"Gemini does not support parts of type {part['type']!r}")
    return translate(part, where)


def is_stored(uri: str) -> bool:
    """Whether it is the URI of a file that Google stores."""
    try:
        address = urlsplit(uri)
    except ValueError:
        return False
    return address.scheme == "gs" or (address.scheme == "https" and address.hostname in FILE_HOSTS)


def takes_url(url: str) -> bool:
    """Whether Google reads the file at a URL: it stores it, or fetches it from the web, unless its name says another type."""
    try:
        address = urlsplit(url)
    except ValueError:
        return False
    media_type = _type_of(address.path)
    return is_stored(url) or (address.scheme == "https" and (media_type is None or media_type in FETCHED_TYPES))


def _image(part: dict[str, Any], where: str) -> Part:
    image = parse_image(part, where, ("https", "gs"))
    if image.data:
        return _inline(image.media_type, image.data)
    return _file_at(image.url, f"{where}.image_url.url")


def _audio(part: dict[str, Any], where: str) -> Part:
    audio = part.get("input_audio")
    media_type = MEDIA_TYPES.get(str(audio.get("format"))) if isinstance(audio, dict) else None
    if not isinstance(audio, dict) or media_type is None or not isinstance(audio.get("data"), str):
        raise invalid_param(f"{where}.input_audio", "must have `data` (base64) and a `format`: wav or mp3")
    return _inline(media_type, audio["data"])


def _file(part: dict[str, Any], where: str) -> Part:
    file = parse_file(part, where)
    if file.id:
        raise file.refusal()
    return _file_at(file.url, file.where) if file.url else _inline(file.media_type, file.data)


def _inline(media_type: str, data: str) -> Part:
    return {"inlineData": {"mimeType": media_type, "data": data}}


def _file_at(url: str, where: str) -> Part:
    """Refer to a file that Google stores or fetches. Raises InvalidRequestError for any other URL."""
    if not takes_url(url):
        raise unsupported_feature(
            where, f"Gemini fetches https: URLs of the types {', '.join(sorted(FETCHED_TYPES))} only"
        )
    media_type = _type_of(urlsplit(url).path)
    return {"fileData": {"fileUri": url} | ({"mimeType": media_type} if media_type else {})}


def _type_of(path: str) -> str | None:
    return MEDIA_TYPES.get(path.rpartition(".")[2].lower())


_TRANSLATORS: Mapping[str, Callable[[dict[str, Any], str], Part]] = {
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
}
