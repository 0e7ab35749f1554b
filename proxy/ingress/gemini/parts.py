"""Translates parts into the hub's content parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from proxy.dialects.coerce import text_of
from proxy.dialects.hub.content import invalid_param
from proxy.ingress.gemini.members import Members, google_only, members_of, string_of

Part = dict[str, Any]

_AUDIO_FORMATS: Mapping[str, str] = {
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/x-wav": "wav",
}
_GOOGLE_HOSTS = ("generativelanguage.googleapis.com", "youtube.com", "www.youtube.com", "youtu.be")
"""Hosts whose files only Google's own models can read."""
_OPTIONS = frozenset({"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"})
"""Members of a part that are not its content."""


def kind_of(part: Members) -> str:
    """Return the name of the member that holds a part's content, "" for a part without content."""
    return next((name for name in part if name not in _OPTIONS), "")


def is_known(kind: str) -> bool:
    """Whether parts of that kind have a translation."""
    return kind in _TRANSLATORS


def to_part(part: Members, where: str) -> Part | None:
    """Translate a part. None for an empty one, and one that the hub has no word for. Raises InvalidRequestError."""
    kind = kind_of(part)
    translate = _TRANSLATORS.get(kind)
    return None if translate is None else translate(part[kind], f"{where}.{kind}")


def content_of_parts(parts: list[Part]) -> str | list[Part]:
    """Return parts as a message's content: as a string if they are one text."""
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _text(value: Any, where: str) -> Part | None:
    if not isinstance(value, str):
        raise invalid_param(where, "must be a string")
    return {"type": "text", "text": value} if value else None


def _inline_data(value: Any, where: str) -> Part:
    """Translate an image, audio in a format of the hub, or any other file. Clients may use base64's URL-safe alphabet."""
    given = members_of(value, where)
    media_type, data = string_of(given, "mimeType", where), string_of(given, "data", where)
    data = data.replace("-", "+").replace("_", "/")
    if (audio := _AUDIO_FORMATS.get(media_type.lower())) is not None:
        return {"type": "input_audio", "input_audio": {"data": data, "format": audio}}
    return _media(media_type, f"data:{media_type};base64,{data}", given)


def _file_data(value: Any, where: str) -> Part:
    given = members_of(value, where)
    uri = string_of(given, "fileUri", where)
    if not _is_public(uri):
        raise google_only(f"{where}.fileUri", "only Google's own models can read this file")
    return _media(text_of(given.get("mimeType")), uri, given)


def _is_public(uri: str) -> bool:
    """Whether any provider may fetch it."""
    try:
        address = urlsplit(uri)
    except ValueError:
        return False
    return address.scheme == "https" and address.hostname not in _GOOGLE_HOSTS


def _media(media_type: str, url: str, given: Members) -> Part:
    if media_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": url}}
    name = text_of(given.get("displayName")) or f"file.{media_type.rpartition('/')[2] or 'pdf'}"
    return {"type": "file", "file": {"filename": name, "file_data": url}}


def _executable_code(value: Any, where: str) -> Part:
    given = members_of(value, where)
    language = text_of(given.get("language")).lower()
    return {"type": "text", "text": f"\n```{language}\n{text_of(given.get('code'))}\n```\n"}


def _code_result(value: Any, where: str) -> Part:
    return {"type": "text", "text": f"\n```\n{text_of(members_of(value, where).get('output'))}\n```\n"}


_TRANSLATORS: Mapping[str, Callable[[Any, str], Part | None]] = {
    "text": _text,
    "inlineData": _inline_data,
    "fileData": _file_data,
    "executableCode": _executable_code,
    "codeExecutionResult": _code_result,
}
