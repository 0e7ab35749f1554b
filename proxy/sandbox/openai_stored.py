"""What a simulated OpenAI keeps of its responses, and the endpoints that read and delete them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from proxy.sandbox.contract import Call, Reply, SimulatedError, json_reply
from proxy.sandbox.model import count_tokens
from proxy.sandbox.openai_chat import content_text

MAX_STORED = 1_000
"""Responses. The oldest are forgotten."""

_ID = re.compile(r"/v1/responses/(?P<id>resp_\w+)(?P<operation>/cancel|/input_items)?")


def response_id(call: Call) -> str:
    """Return the id of the response to a request."""
    return f"resp_{call.id()}"


def conversation_items(call: Call, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the input items, after those of the previous response and its own. Raises SimulatedError if it is unknown."""
    given = body.get("input") or []
    items = [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else given
    previous = body.get("previous_response_id")
    if not previous:
        return items
    if previous not in call.storage:
        message = f"Previous response with id '{previous}' not found."
        raise SimulatedError(400, message, param="previous_response_id", code="previous_response_not_found")
    stored = call.storage[previous]
    return [*stored["items"], *stored["response"]["output"], *items]


def store_response(call: Call, body: Mapping[str, Any], items: list[Any], response: Mapping[str, Any]) -> None:
    """Keep a response and what it answers, unless the request forbids it."""
    if body.get("store") is False:
        return
    call.storage[response["id"]] = {"items": items, "response": response}
    while len(call.storage) > MAX_STORED:
        call.storage.pop(next(iter(call.storage)))


def stored_response(call: Call) -> Reply | None:
    """Answer a request for a stored response, None if the path is no such request."""
    found = _ID.fullmatch(call.path)
    handle = _OPERATIONS.get((call.method, found["operation"])) if found else None
    if found is None or handle is None:
        return None
    if found["id"] not in call.storage:
        raise SimulatedError(404, f"Response with id '{found['id']}' not found.")
    return handle(call, found["id"])


def _get(call: Call, id: str) -> Reply:
    return json_reply(200, {}, call.storage[id]["response"])


def _delete(call: Call, id: str) -> Reply:
    del call.storage[id]
    return json_reply(200, {}, {"id": id, "object": "response", "deleted": True})


def _cancel(call: Call, id: str) -> Reply:
    raise SimulatedError(400, "Cannot cancel a synchronous response.")


def _input_items(call: Call, id: str) -> Reply:
    stored = call.storage[id]["items"]
    items = [{"id": f"msg_{id[5:]}{number:02}", **_with_parts(item)} for number, item in enumerate(stored)]
    ends = {"first_id": items[0]["id"], "last_id": items[-1]["id"]} if items else {"first_id": "", "last_id": ""}
    return json_reply(200, {}, {"object": "list", "data": items[::-1], **ends, "has_more": False})


def _with_parts(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message with its text as a part, any other item as it is."""
    content = item.get("content")
    if "role" not in item or not isinstance(content, str):
        return dict(item)
    is_answer = item["role"] == "assistant"
    part = (
        {"type": "output_text", "text": content, "annotations": []}
        if is_answer
        else {"type": "input_text", "text": content}
    )
    return {"type": "message", "status": "completed", **item, "content": [part]}


_OPERATIONS: Mapping[tuple[str, str | None], Callable[[Call, str], Reply]] = {
    ("GET", None): _get,
    ("DELETE", None): _delete,
    ("POST", "/cancel"): _cancel,
    ("GET", "/input_items"): _input_items,
}


def compact(call: Call, body: Mapping[str, Any]) -> Reply:
    """Replace a conversation by one item that stands for it."""
    text = _text(conversation_items(call, body))
    item = {"id": f"cmp_{call.id()}", "type": "compaction", "encrypted_content": f"gAAAAA{call.id()}"}
    counts = {"input_tokens": count_tokens(text), "output_tokens": 1, "total_tokens": count_tokens(text) + 1}
    details = {
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    about = {"id": response_id(call), "object": "response.compaction", "created_at": int(call.now)}
    return json_reply(200, {}, {**about, "output": [item], "usage": {**counts, **details}})


def input_tokens(call: Call, body: Mapping[str, Any]) -> Reply:
    """Count the tokens of a request."""
    text = (body.get("instructions") or "") + _text(conversation_items(call, body))
    return json_reply(200, {}, {"object": "response.input_tokens", "input_tokens": count_tokens(text)})


def _text(items: list[Any]) -> str:
    return "\n".join(content_text(item.get("content") or item.get("output")) for item in items)
