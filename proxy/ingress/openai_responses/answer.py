"""Builds the output of one response from the hub's message, whole or in deltas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proxy.dialects.coerce import object_of, objects_of, text_of
from proxy.errors import ResponseTooLargeError
from proxy.ingress.client_format import AnswerContext
from proxy.ingress.openai_responses.events import Events
from proxy.ingress.openai_responses.output import INCOMPLETE_REASONS, Item, hub_annotations, hub_logprobs, item_id
from proxy.ingress.openai_responses.streamed_items import (
    StreamedCall,
    StreamedCustomCall,
    StreamedImage,
    StreamedItem,
    StreamedMessage,
    StreamedReasoning,
    streamed_call,
)
from proxy.ingress.openai_responses.tools import CallerTool, caller_tools

MAX_CHARS = 32 * 1024 * 1024
"""Characters of an answer. All of it is repeated in the last event, so it is kept until then."""

Call = StreamedCall | StreamedCustomCall


class Answer:
    """The items of one response. Every method returns the events that it causes.

    A message or reasoning ends where something else begins. Calls end with the answer, as their pieces may alternate.
    """

    def __init__(self, context: AnswerContext, events: Events) -> None:
        self._context = context
        self._events = events
        self._tools = caller_tools(context.echo.get("tools"))
        self._items: list[StreamedItem] = []
        self._open: StreamedMessage | StreamedReasoning | None = None
        self._calls: dict[int, Call] = {}
        """The index of a call in the hub's stream -> its item."""
        self._call_ids: dict[int, str] = {}
        self.kept_chars = 0
        """Characters of the answer so far."""

    def add(self, delta: Mapping[str, Any], logprobs: Any = None) -> bytes:
        """Take a delta, or a whole message. Raises ResponseTooLargeError."""
        written = b""
        for member, handle in _MEMBERS.items():
            if value := delta.get(member):
                written += handle(self, value, logprobs)
        return written

    def close(self, finish_reason: str | None) -> bytes:
        """End every item that is open."""
        status = "incomplete" if finish_reason in INCOMPLETE_REASONS else "completed"
        written = self._close_open(status)
        for call in self._calls.values():
            written += call.close(status)
        self._calls = {}
        return written

    def output(self) -> list[Item]:
        """Return the items that are complete."""
        return [each.item for each in self._items if each.is_complete]

    def _text(self, value: Any, logprobs: Any) -> bytes:
        if not (text := self._counted(value)):
            return b""
        start = self._open_message()
        assert isinstance(self._open, StreamedMessage)
        return start + self._open.add_text(text, hub_logprobs(logprobs))

    def _refusal(self, value: Any, logprobs: Any) -> bytes:
        if not (text := self._counted(value)):
            return b""
        start = self._open_message()
        assert isinstance(self._open, StreamedMessage)
        return start + self._open.add_refusal(text)

    def _annotations(self, value: Any, logprobs: Any) -> bytes:
        if not (annotations := hub_annotations(value)):
            return b""
        start = self._open_message()
        assert isinstance(self._open, StreamedMessage)
        return start + self._open.add_annotations(annotations)

    def _reasoning(self, value: Any, logprobs: Any) -> bytes:
        if not (text := self._counted(value)):
            return b""
        start = self._open_reasoning()
        assert isinstance(self._open, StreamedReasoning)
        return start + self._open.add_text(text)

    def _thinking(self, value: Any, logprobs: Any) -> bytes:
        """Keep the provider's blocks. Their numbers are those of the hub's stream, and no part of them."""
        blocks = [{name: each for name, each in block.items() if name != "index"} for block in objects_of(value)]
        return self._seal("thinking_blocks", blocks) if blocks else b""

    def _images(self, value: Any, logprobs: Any) -> bytes:
        written = self._close_open()
        for image in objects_of(value):
            data = self._counted(object_of(image.get("image_url")).get("url")).rpartition(",")[2]
            index = len(self._items)
            item = StreamedImage(self._events, index, item_id("ig", self._context, index), data)
            written += self._append(item) + item.close()
        return written

    def _tool_calls(self, value: Any, logprobs: Any) -> bytes:
        return b"".join([self._tool_call(n, call) for n, call in enumerate(objects_of(value))])

    def _tool_call(self, position: int, call: Mapping[str, Any]) -> bytes:
        number = call["index"] if isinstance(call.get("index"), int) else position
        function = object_of(call.get("function"))
        written = b""
        if number not in self._calls:
            written = self._start_call(number, call, function)
        elif extra := object_of(call.get("extra_content")):
            written = self._seal("calls", {self._call_ids[number]: extra})
        arguments = self._counted(function.get("arguments"))
        return written + (self._calls[number].add_arguments(arguments) if arguments else b"")

    def _start_call(self, number: int, call: Mapping[str, Any], function: Mapping[str, Any]) -> bytes:
        id = text_of(call.get("id")) or f"call_{self._context.id}{len(self._calls):04x}"
        extra = object_of(call.get("extra_content"))
        written = self._seal("calls", {id: extra}) if extra else b""
        written += self._close_open()
        name, index = self._counted(function.get("name")), len(self._items)
        tool = self._tools.get(name, CallerTool(name))
        members = {
            "id": item_id("ctc" if tool.is_custom else "fc", self._context, index),
            "call_id": id,
        }
        item = streamed_call(self._events, index, members, tool)
        self._calls[number], self._call_ids[number] = item, id
        return written + self._append(item)

    def _seal(self, member: str, value: Any) -> bytes:
        start = self._open_reasoning()
        assert isinstance(self._open, StreamedReasoning)
        self._open.add_sealed(member, value)
        return start

    def _open_message(self) -> bytes:
        if isinstance(self._open, StreamedMessage):
            return b""
        end, index = self._close_open(), len(self._items)
        self._open = StreamedMessage(self._events, index, item_id("msg", self._context, index))
        return end + self._append(self._open)

    def _open_reasoning(self) -> bytes:
        if isinstance(self._open, StreamedReasoning):
            return b""
        end, index = self._close_open(), len(self._items)
        self._open = StreamedReasoning(self._events, index, item_id("rs", self._context, index))
        return end + self._append(self._open)

    def _close_open(self, status: str = "completed") -> bytes:
        item, self._open = self._open, None
        return item.close(status) if item is not None else b""

    def _append(self, item: StreamedItem) -> bytes:
        self._items.append(item)
        return item.open()

    def _counted(self, value: Any) -> str:
        text = text_of(value)
        self.kept_chars += len(text)
        if self.kept_chars > MAX_CHARS:
            raise ResponseTooLargeError(f"the answer is over {MAX_CHARS} characters")
        return text


_MEMBERS: Mapping[str, Callable[[Answer, Any, Any], bytes]] = {
    "reasoning_content": Answer._reasoning,
    "thinking_blocks": Answer._thinking,
    "content": Answer._text,
    "annotations": Answer._annotations,
    "refusal": Answer._refusal,
    "images": Answer._images,
    "tool_calls": Answer._tool_calls,
}
"""Members of the hub's messages and deltas, in the order of the items that they become."""
