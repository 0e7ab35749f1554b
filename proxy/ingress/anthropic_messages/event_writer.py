"""Writes the events of a streamed message: its blocks come one after the other, each opened, filled and closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.lenient_json import serialize
from proxy.dialects.thinking_signature import pack
from proxy.ingress.anthropic_messages.response import Block, envelope
from proxy.ingress.anthropic_messages.usage import input_counts
from proxy.ingress.client_format import AnswerContext
from proxy.sse import encode

_EMPTY: Mapping[str, Block] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
_DELTAS: Mapping[str, tuple[str, bytes]] = {
    "text": ("text_delta", b'"text":'),
    "thinking": ("thinking_delta", b'"thinking":'),
    "tool_use": ("input_json_delta", b'"partial_json":'),
}
"""Type of a block -> the type of its deltas, and the member with the piece."""


class EventWriter:
    """Each method returns the events that it is about. A piece costs the serialisation of its text alone."""

    def __init__(self, context: AnswerContext) -> None:
        self._context = context
        self._index = -1
        self._delta = b""
        """The beginning of a delta of the open block."""
        self.kind: str | None = None
        """The type of the open block."""

    def start(self, chunk: Mapping[str, Any]) -> bytes:
        """Begin the message with the first chunk of the hub."""
        usage = input_counts(self._context.prompt_tokens)
        empty: Block = {"content": [], "stop_reason": None, "stop_sequence": None}
        message = {**envelope(self._context, chunk), **empty, "usage": usage}
        return event("message_start", message=message)

    def piece(self, kind: str, text: str) -> bytes:
        """Add to the open block of that type, or to a new one after closing the open one."""
        return self.ensure_open(kind) + self._delta + serialize(text) + b"}}\n\n"

    def ensure_open(self, kind: str) -> bytes:
        """Open a block of that type, unless one is open."""
        return b"" if self.kind == kind else self.open(_EMPTY[kind])

    def open(self, block: Block) -> bytes:
        """Close the open block and open another."""
        closed = self.close()
        self._index += 1
        self.kind = kind = block["type"]
        if kind in _DELTAS:
            name, member = _DELTAS[kind]
            start = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b",'
            self._delta = start % (self._index, name.encode()) + member
        return closed + event("content_block_start", index=self._index, content_block=block)

    def whole(self, block: Block) -> bytes:
        """Write a block that is complete: thinking with its signature, or thinking that is encrypted."""
        if block["type"] != "thinking":
            return self.open(block) + self.close()
        text = self.piece("thinking", block["thinking"]) if block["thinking"] else b""
        opened = self.close() + (text or self.ensure_open("thinking"))
        return opened + self.close(block["signature"])

    def close(self, signature: str | None = None) -> bytes:
        """Close the open block, if there is one. Thinking gets its signature: the vendor's or one that holds nothing."""
        if self.kind is None:
            return b""
        kind, self.kind = self.kind, None
        stop = event("content_block_stop", index=self._index)
        if kind != "thinking":
            return stop
        delta = {"type": "signature_delta", "signature": signature or pack({})}
        return event("content_block_delta", index=self._index, delta=delta) + stop

    def end(self, reason: str, usage: Mapping[str, Any]) -> bytes:
        """Close the open block and end the message."""
        delta = {"stop_reason": reason, "stop_sequence": None}
        return self.close() + event("message_delta", delta=delta, usage=usage) + event("message_stop")


def event(kind: str, **members: Any) -> bytes:
    """Return one event."""
    return encode(serialize({"type": kind, **members}), kind)
