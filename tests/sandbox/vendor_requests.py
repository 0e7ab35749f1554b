"""Requests to simulated providers, and the status that one answers with."""

from __future__ import annotations

import json
from typing import Any

from proxy.sandbox.contract import Call, SimulatedError

HELLO = {"role": "user", "content": "hi"}
KEY = {"Authorization": "Bearer k"}
CUSTOM = {"type": "custom", "custom": {"name": "c"}}
IMAGE = {"type": "image_url", "image_url": "https://example.com/a.png"}


def calls(id: str = "abcdefgh1", name: str = "f", **more: Any) -> dict[str, Any]:
    call = {"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}, **more}
    return {"role": "assistant", "tool_calls": [call]}


def result(content: Any = "x") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "abcdefgh1", "content": content}


def tool(name: str = "f", **parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", **parameters}}}


def status_of(simulation: Any, path: str, body: dict[str, Any]) -> int:
    call = Call("p", "POST", path, KEY, json.dumps(body).encode())
    try:
        return int(simulation.handle(call).status)
    except SimulatedError as error:
        reply = simulation.render_error(call, error)
        assert error.message in json.dumps(json.loads(reply.frames[0]), ensure_ascii=False).replace('\\"', '"')
        return int(reply.status)
