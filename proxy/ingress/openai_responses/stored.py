"""Reads and extends conversations that go on from a response by its id. Items stay the caller's bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from proxy.dialects.coerce import object_of, objects_of, text_of
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.request_members import parse_members, replace_members
from proxy.dialects.lenient_json import parse_or_none, serialize
from proxy.errors import InvalidRequestError
from proxy.ingress.openai_responses.output import ITEM_DIGITS
from proxy.sse import data_of, split_frames

PREVIOUS = "previous_response_id"


class UnknownResponseError(InvalidRequestError):
    """No response has that id, or not for this caller."""

    status = 404
    code = "previous_response_not_found"

    def __init__(self, id: str) -> None:
        super().__init__(f"Previous response with id '{id[:128]}' not found.", param=PREVIOUS)


_items_of = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_FINAL = (b"event: response.completed\n", b"event: response.incomplete\n")
"""How the event with the complete response begins."""


def previous_id(body: Mapping[str, Any]) -> str:
    """Return the id of the response that a request goes on from, "" for none. Raises InvalidRequestError."""
    id = body.get(PREVIOUS)
    if not isinstance(id, str | None):
        raise invalid_param(PREVIOUS, "must be a string")
    return id or ""


def input_items(raw: bytes) -> bytes:
    """Return the input of a request as items without brackets: a text is the message of a user."""
    value = bytes(parse_members(raw).get("input", b"null")).strip()
    if value[:1] == b"[":
        return value[1:-1].strip()
    return b'{"type":"message","role":"user","content":' + value + b"}" if value[:1] == b'"' else b""


def with_history(raw: bytes, history: Sequence[bytes]) -> bytes:
    """Return a request that has all items of its conversation, and refers to no response."""
    items = b",".join(filter(None, [*history, input_items(raw)]))
    return replace_members(raw, {"input": msgspec.Raw(b"[" + items + b"]")}, drop=(PREVIOUS,))


def referenced_ids(body: Mapping[str, Any]) -> list[str]:
    """Return the ids of the items that a request refers to, in place of sending them, in their order."""
    items = objects_of(body.get("input"))
    return [id for item in items if _is_reference(item) and (id := text_of(item.get("id")))]


def with_items(raw: bytes, found: Mapping[str, bytes]) -> bytes:
    """Return a request with these items, by their id, in place of the references to them."""
    items = _items_of(parse_members(raw)["input"])
    replaced = [msgspec.Raw(found.get(_referenced(item), bytes(item))) for item in items]
    return replace_members(raw, {"input": msgspec.Raw(_encode(replaced))}, drop=())


def response_of_item(id: str) -> str:
    """Return the id of the response that an item of a translated one belongs to, as `output.item_id` makes it."""
    return f"resp_{id.partition('_')[2][:-ITEM_DIGITS]}"


def items_by_id(response: bytes) -> dict[str, bytes]:
    """Return the items of a response that have an id, by their id."""
    items = map(bytes, _items_of(parse_members(response).get("output", msgspec.Raw(b"[]"))))
    return {id: item for item in items if (id := text_of(object_of(parse_or_none(item)).get("id")))}


def item_ids(response: bytes) -> list[str]:
    """Return the ids of a response's items."""
    output = parse_or_none(bytes(parse_members(response).get("output", b"[]")))
    return [id for item in objects_of(output) if (id := text_of(item.get("id")))]


def _is_reference(item: Mapping[str, Any]) -> bool:
    return item.get("type") == "item_reference" or (item.get("type") is None and "role" not in item)


def _referenced(item: msgspec.Raw) -> str:
    parsed = object_of(parse_or_none(bytes(item)))
    return text_of(parsed.get("id")) if _is_reference(parsed) else ""


def output_items(response: bytes) -> bytes:
    """Return the output of a response as items without brackets."""
    return bytes(parse_members(response).get("output", b"[]")).strip()[1:-1].strip()


def response_id(response: bytes) -> str:
    """Return the id of a response, "" if it has none."""
    return text_of(parse_or_none(bytes(parse_members(response).get("id", b"null"))))


def final_response(data: bytes) -> bytes | None:
    """Return the complete response in these events of a stream, None if they do not have it."""
    if not any(start in data for start in _FINAL):
        return None
    for frame in split_frames(data):
        if frame.startswith(_FINAL) and (event := data_of(frame)) is not None:
            return bytes(parse_members(event)["response"])
    return None


def as_list(items: Sequence[bytes], prefix: str) -> bytes:
    """Return input items as the list that the API answers with, newest first. Those without an id get one."""
    parsed = object_of(parse_or_none(b'{"items":[' + b",".join(filter(None, items)) + b"]}")).get("items")
    numbered = enumerate(objects_of(parsed))
    listed = [{"id": f"msg_{prefix}{number:04x}", **_with_parts(item)} for number, item in numbered]
    ends = {"first_id": listed[-1]["id"], "last_id": listed[0]["id"]} if listed else {"first_id": "", "last_id": ""}
    return serialize({"object": "list", "data": listed[::-1], **ends, "has_more": False})


def _with_parts(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message with its text as a part, any other item as it is."""
    content = item.get("content")
    if "role" not in item or not isinstance(content, str):
        return dict(item)
    kind = {"type": "output_text", "annotations": []} if item["role"] == "assistant" else {"type": "input_text"}
    return {"type": "message", "status": "completed", **item, "content": [{**kind, "text": content}]}
