"""Translates content blocks into the hub's content parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.hub.content import content_parts, invalid_param

Part = dict[str, Any]

_FILE_NAME = "document.pdf"


def to_parts(blocks: Iterable[Mapping[str, Any]], where: str) -> list[Part]:
    """Translate blocks, each at its index below the path `where`. Those that the hub has no word for are left out.

    Raises InvalidRequestError for a block that is malformed.
    """
    parts: list[Part] = []
    for index, block in enumerate(blocks):
        translate = _TRANSLATORS.get(block["type"])
        translated = translate(block, f"{where}[{index}]") if translate is not None else []
        if translated and block.get("cache_control"):
            translated[-1]["cache_control"] = block["cache_control"]
        parts += translated
    return parts


def is_known(kind: str) -> bool:
    """Whether blocks of this type have a translation."""
    return kind in _TRANSLATORS


def content_of_parts(parts: list[Part], separator: str | None = None) -> str | list[Part]:
    """Return the parts as a message's content: as a string if they are one plain text.

    Several plain texts are joined too, if there is a `separator`.
    """
    texts = [part["text"] for part in parts if part.keys() == {"type", "text"}]
    if len(texts) == len(parts) and (len(texts) < 2 or separator is not None):
        return (separator or "").join(texts)
    return parts


def _text(block: Mapping[str, Any], where: str) -> list[Part]:
    text = _string(block, "text", where)
    return [{"type": "text", "text": text}] if text else []


def _image(block: Mapping[str, Any], where: str) -> list[Part]:
    source = _source(block, where)
    if source.get("type") == "file":
        return [_stored_file(source, where)]
    url = _data_url(source, where) if source.get("type") == "base64" else _string(source, "url", f"{where}.source")
    return [{"type": "image_url", "image_url": {"url": url}}]


def _document(block: Mapping[str, Any], where: str) -> list[Part]:
    """Translate a PDF into a file, and a document of text or blocks into text under its title."""
    source, title = _source(block, where), text_of(block.get("title"))
    match source.get("type"):
        case "file":
            return [_stored_file(source, where)]
        case "text":
            return [_titled(block, [{"type": "text", "text": _string(source, "data", f"{where}.source")}])]
        case "content":
            path = f"{where}.source.content"
            parts = to_parts(content_parts(source.get("content"), path), path)
            return [_titled(block, parts), *(part for part in parts if part["type"] != "text")]
        case "base64":
            return [_file(title, _data_url(source, where))]
        case _:
            return [_file(title, _string(source, "url", f"{where}.source"))]


def _file(title: str, data: str) -> Part:
    return {"type": "file", "file": {"filename": title or _FILE_NAME, "file_data": data}}


def _stored_file(source: Mapping[str, Any], where: str) -> Part:
    """Refer to a file by its id, which only the provider that stores it knows."""
    return {"type": "file", "file": {"file_id": _string(source, "file_id", f"{where}.source")}}


def _search_result(block: Mapping[str, Any], where: str) -> list[Part]:
    path = f"{where}.content"
    parts = to_parts(content_parts(block.get("content"), path), path)
    return [_titled(block, parts, text_of(block.get("source")))]


def _tool_reference(block: Mapping[str, Any], where: str) -> list[Part]:
    return [{"type": "text", "text": _string(block, "tool_name", where)}]


def _titled(block: Mapping[str, Any], parts: list[Part], source: str = "") -> Part:
    """Return the texts as one, under the block's title, source and context."""
    lines = (text_of(block.get("title")), source, text_of(block.get("context")))
    texts = [part["text"] for part in parts if part["type"] == "text"]
    return {"type": "text", "text": "\n".join(filter(None, (*lines, *texts)))}


def _source(block: Mapping[str, Any], where: str) -> dict[str, Any]:
    source = block.get("source")
    if not isinstance(source, dict):
        raise invalid_param(f"{where}.source", "must be an object")
    return source


def _data_url(source: Mapping[str, Any], where: str) -> str:
    data, media_type = (_string(source, name, f"{where}.source") for name in ("data", "media_type"))
    return f"data:{media_type};base64,{data}"


def _string(members: Mapping[str, Any], name: str, where: str) -> str:
    value = object_of(members).get(name)
    if not isinstance(value, str):
        raise invalid_param(f"{where}.{name}", "must be a string")
    return value


_TRANSLATORS: Mapping[str, Callable[[Mapping[str, Any], str], list[Part]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_reference": _tool_reference,
}
