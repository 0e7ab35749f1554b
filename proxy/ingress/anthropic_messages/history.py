"""Translates `system` and `messages` into the hub's messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.hub.content import content_parts, invalid_param
from proxy.dialects.lenient_json import serialize
from proxy.dialects.thinking_signature import unpack
from proxy.ingress.anthropic_messages.blocks import Part, content_of_parts, is_known, to_parts

Block = dict[str, Any]

_BILLING = "x-anthropic-billing-header:"
"""How a system text begins that is meant for Anthropic's accounting and not for the model. It changes with every build
of the client, so that it would keep other vendors from caching the prompt."""
_ERROR = "Error: "


@dataclass(slots=True)
class History:
    """Translates a conversation message by message, into `messages`."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    dropped: dict[str, None] = field(default_factory=dict)
    """Types of the blocks that were left out, because the hub has no word for them."""
    paths: list[str] = field(default_factory=list)
    """For each message the path of what it was made of."""

    def add_system(self, system: Any) -> None:
        """Add the request's `system`: a string or text blocks. Raises InvalidRequestError."""
        blocks = content_parts(system, "system")
        self._append_system(
            [block for block in blocks if not text_of(block.get("text")).startswith(_BILLING)], "system"
        )
        self._record_path("system")

    def add(self, message: Any, where: str) -> None:
        """Add the next message, found at the path `where`. Raises InvalidRequestError if it is malformed."""
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in _ROLES:
            raise invalid_param(f"{where}.role", f"must be one of {', '.join(_ROLES)}")
        path = f"{where}.content"
        _ROLES[role](self, content_parts(message.get("content"), path), path)
        self._record_path(where)

    def _record_path(self, where: str) -> None:
        self.paths += [where] * (len(self.messages) - len(self.paths))

    def _append_system(self, blocks: list[Block], where: str) -> None:
        if parts := self._parts(blocks, where):
            self.messages.append({"role": "system", "content": content_of_parts(parts, "\n")})

    def _user(self, blocks: list[Block], where: str) -> None:
        """Add the tool results, each as a message of its own, and the other blocks as the user's message after them."""
        for index, block in enumerate(blocks):
            if block["type"] == "tool_result":
                self.messages.append(self._tool_result(block, f"{where}[{index}]"))
        rest = [block for block in blocks if block["type"] != "tool_result"]
        if parts := self._parts(rest, where):
            self.messages.append({"role": "user", "content": content_of_parts(parts)})

    def _tool_result(self, block: Block, where: str) -> dict[str, Any]:
        parts = self._parts(content_parts(block.get("content"), f"{where}.content"), f"{where}.content")
        if block.get("is_error") is True:
            parts = _as_error(parts)
        if parts and block.get("cache_control"):
            parts[-1]["cache_control"] = block["cache_control"]
        return {
            "role": "tool",
            "tool_call_id": _id(block, "tool_use_id", where),
            "content": content_of_parts(parts, "\n"),
        }

    def _assistant(self, blocks: list[Block], where: str) -> None:
        calls = [
            _tool_call(block, f"{where}[{index}]") for index, block in enumerate(blocks) if block["type"] == "tool_use"
        ]
        parts = self._parts([block for block in blocks if block["type"] not in _OWN_MEMBERS], where)
        message = {
            "role": "assistant",
            "content": content_of_parts(parts, "") or None,
            **_reasoning(blocks, calls),
            **({"tool_calls": calls} if calls else {}),
        }
        if message["content"] or calls:
            self.messages.append(message)

    def _parts(self, blocks: list[Block], where: str) -> list[Part]:
        self.dropped |= dict.fromkeys(block["type"] for block in blocks if not is_known(block["type"]))
        return to_parts(blocks, where)


_ROLES: Mapping[str, Callable[[History, list[Block], str], None]] = {
    "user": History._user,
    "assistant": History._assistant,
    "system": History._append_system,
}
_OWN_MEMBERS = frozenset({"tool_use", "thinking", "redacted_thinking"})
"""Types of blocks that have members of their own in the hub's assistant message."""


def _as_error(parts: list[Part]) -> list[Part]:
    """Say in the text of a tool result that it is an error."""
    if parts and parts[0]["type"] == "text":
        return [{**parts[0], "text": _ERROR + parts[0]["text"]}, *parts[1:]]
    return [{"type": "text", "text": _ERROR.strip()}, *parts]


def _tool_call(block: Block, where: str) -> dict[str, Any]:
    name, tool_input = block.get("name"), block.get("input")
    if not isinstance(name, str):
        raise invalid_param(f"{where}.name", "must be a string")
    if not isinstance(tool_input, dict):
        raise invalid_param(f"{where}.input", "must be an object")
    function = {"name": name, "arguments": serialize(tool_input).decode()}
    return {"id": _id(block, "id", where), "type": "function", "function": function}


def _id(block: Block, name: str, where: str) -> str:
    id = block.get(name)
    if not isinstance(id, str) or not id:
        raise invalid_param(f"{where}.{name}", "must be a string that is not empty")
    return id


def _reasoning(blocks: list[Block], calls: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the members with the model's reasoning, and add to the calls what the thinking blocks hold for them.

    `thinking_blocks` are those with a vendor's own signature.
    """
    thinking = [block for block in blocks if block["type"] in ("thinking", "redacted_thinking")]
    held = [(block, unpack(block.get("signature"))) for block in thinking]
    extras = {text_of(members.get("call")): object_of(members.get("extra_content")) for _, members in held if members}
    for call in calls:
        if extra := extras.get(call["id"]):
            call["extra_content"] = extra
    text = "".join(text_of(block.get("thinking")) for block in thinking)
    signed = [
        {name: value for name, value in block.items() if name != "cache_control"} for block, own in held if own is None
    ]
    members = {"reasoning_content": text, "thinking_blocks": signed}
    return {name: value for name, value in members.items() if value}
