"""Translates the content of input items, which is a text or a list of parts, to that of hub messages.

`where` is the path of the content in the request, such as `input[2].content`. Errors name it.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping
from typing import Any

from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.hub.content import content_parts, invalid_param, unsupported_feature

Part = dict[str, Any]

_DEFAULT_FILE_TYPE = "application/pdf"


def hub_content(content: Any, where: str) -> str | list[Part]:
    """Return a message's content, or a tool's output. Raises InvalidRequestError."""
    if isinstance(content, str):
        return content
    return [_hub_part(part, f"{where}[{index}]") for index, part in enumerate(content_parts(content, where))]


def _hub_part(part: Part, where: str) -> Part:
    translate = _PARTS.get(part["type"])
    if translate is None:
        raise invalid_param(where, f"parts of type {part['type']!r} are not supported: {', '.join(_PARTS)} are")
    translated = translate(part, where)
    breakpoint = part.get("prompt_cache_breakpoint")
    return {**translated, "cache_control": _cache_control(breakpoint)} if breakpoint else translated


def _cache_control(breakpoint: Any) -> dict[str, Any]:
    """Return the end of a cached prefix, in the words that the hub has for it."""
    is_long = object_of(breakpoint).get("ttl") is not None
    return {"type": "ephemeral", **({"ttl": "1h"} if is_long else {})}


def _text(part: Part, where: str) -> Part:
    if not isinstance(part.get("text"), str):
        raise invalid_param(f"{where}.text", "must be a string")
    return {"type": "text", "text": part["text"]}


def _refusal(part: Part, where: str) -> Part:
    if not isinstance(part.get("refusal"), str):
        raise invalid_param(f"{where}.refusal", "must be a string")
    return {"type": "refusal", "refusal": part["refusal"]}


def _image(part: Part, where: str) -> Part:
    _check_no_file_id(part, where)
    url = part.get("image_url")
    if not isinstance(url, str):
        raise invalid_param(f"{where}.image_url", "must be a string: a URL or a data: URL")
    detail = part.get("detail")
    return {"type": "image_url", "image_url": {"url": url, **({"detail": detail} if detail else {})}}


def _file(part: Part, where: str) -> Part:
    _check_no_file_id(part, where)
    name = text_of(part.get("filename"))
    return {"type": "file", "file": {"file_data": _file_url(part, name, where), **({"filename": name} if name else {})}}


def _file_url(part: Part, name: str, where: str) -> str:
    """Return the URL to fetch the file from, or the data: URL of its data."""
    if url := text_of(part.get("file_url")):
        return url
    data = part.get("file_data")
    if not isinstance(data, str):
        raise invalid_param(f"{where}.file_data", "must be a string: a data: URL")
    return data if data[:5].lower() == "data:" else f"data:{_file_type(name)};base64,{data}"


def _file_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or _DEFAULT_FILE_TYPE


def _audio(part: Part, where: str) -> Part:
    if not isinstance(part.get("input_audio"), dict):
        raise invalid_param(f"{where}.input_audio", "must be an object")
    return {"type": "input_audio", "input_audio": part["input_audio"]}


def _check_no_file_id(part: Part, where: str) -> None:
    if part.get("file_id"):
        raise unsupported_feature(
            f"{where}.file_id", "is known to the provider that stores the file only: send its data"
        )


_PARTS: Mapping[str, Callable[[Part, str], Part]] = {
    "input_text": _text,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
    "output_text": _text,
    "refusal": _refusal,
    "text": _text,
}
