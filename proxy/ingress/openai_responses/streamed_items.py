"""The items of a response while they are streamed: each writes the events that build it up, and keeps what it has become.

Every method returns events. `item` is the item as it is at present, which is complete after `close`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.hub.custom_tools import custom_input
from proxy.dialects.hub.sealed_reasoning import seal
from proxy.ingress.openai_responses.events import Events
from proxy.ingress.openai_responses.output import Item, event_logprobs, refusal_part, text_part
from proxy.ingress.openai_responses.tools import CallerTool


class StreamedItem:
    """One item of the output: its place, and the events for its beginning and its end."""

    def __init__(self, events: Events, index: int, item: Item) -> None:
        self.item = item
        self.is_complete = False
        self._events = events
        self._index = index
        self._place: Mapping[str, Any] = {"item_id": item["id"], "output_index": index}

    def open(self) -> bytes:
        """Return the event that announces the item."""
        return self._events.write("response.output_item.added", {"output_index": self._index, "item": self.item})

    def close(self, status: str = "completed") -> bytes:
        """Return the events that complete the item."""
        self.is_complete = True
        if "status" in self.item:
            self.item = {**self.item, "status": status}
        return self._events.write("response.output_item.done", {"output_index": self._index, "item": self.item})

    def _write(self, kind: str, members: Mapping[str, Any]) -> bytes:
        return self._events.write(kind, {**self._place, **members})


class StreamedMessage(StreamedItem):
    """A message: one part for each run of text or refusal."""

    def __init__(self, events: Events, index: int, id: str) -> None:
        super().__init__(
            events, index, {"id": id, "type": "message", "status": "in_progress", "role": "assistant", "content": []}
        )
        self._kind = ""
        """The type of the part that is open, "" for none."""
        self._pieces: list[str] = []
        self._logprobs: list[Any] = []
        self._annotations: list[Any] = []

    def add_text(self, text: str, logprobs: list[Any]) -> bytes:
        """Add a piece of text."""
        start = self._open_part("output_text")
        self._pieces.append(text)
        self._logprobs += logprobs
        members = {"content_index": self._content_index, "delta": text, "logprobs": event_logprobs(logprobs)}
        return start + self._write("response.output_text.delta", members)

    def add_refusal(self, text: str) -> bytes:
        """Add a piece of a refusal."""
        start = self._open_part("refusal")
        self._pieces.append(text)
        return start + self._write("response.refusal.delta", {"content_index": self._content_index, "delta": text})

    def add_annotations(self, annotations: list[Item]) -> bytes:
        """Add citations to the text."""
        written = self._open_part("output_text")
        for annotation in annotations:
            members = {"annotation_index": len(self._annotations), "annotation": annotation}
            self._annotations.append(annotation)
            written += self._write(
                "response.output_text.annotation.added", {"content_index": self._content_index, **members}
            )
        return written

    def close(self, status: str = "completed") -> bytes:
        """Return the events that complete the item."""
        return self._close_part() + super().close(status)

    @property
    def _content_index(self) -> int:
        return len(self.item["content"])

    def _open_part(self, kind: str) -> bytes:
        if self._kind == kind:
            return b""
        end = self._close_part()
        self._kind = kind
        empty = text_part("", [], []) if kind == "output_text" else refusal_part("")
        return end + self._write("response.content_part.added", {"content_index": self._content_index, "part": empty})

    def _close_part(self) -> bytes:
        kind, self._kind = self._kind, ""
        if not kind:
            return b""
        text, place = "".join(self._pieces), {"content_index": self._content_index}
        self._pieces = []
        if kind == "output_text":
            part = text_part(text, self._logprobs, self._annotations)
            self._logprobs, self._annotations = [], []
            members = {"text": text, "logprobs": event_logprobs(part["logprobs"])}
            done = self._write("response.output_text.done", {**place, **members})
        else:
            part = refusal_part(text)
            done = self._write("response.refusal.done", {**place, "refusal": text})
        done += self._write("response.content_part.done", {**place, "part": part})
        self.item["content"].append(part)
        return done


class StreamedReasoning(StreamedItem):
    """The model's reasoning: its text as the summary, and sealed what the provider must get back with the next turn."""

    def __init__(self, events: Events, index: int, id: str) -> None:
        super().__init__(events, index, {"id": id, "type": "reasoning", "summary": []})
        self._pieces: list[str] = []
        self._sealed: dict[str, Any] = {}

    def add_text(self, text: str) -> bytes:
        """Add a piece of the reasoning."""
        start = b""
        if not self._pieces:
            start = self._write_summary("part.added", {"part": _summary("")})
        self._pieces.append(text)
        return start + self._write_summary("text.delta", {"delta": text})

    def add_sealed(self, member: str, value: Any) -> None:
        """Add what is sent back as that member of the hub's message: a list, or an object."""
        sealed = self._sealed.setdefault(member, type(value)())
        if isinstance(value, dict):
            sealed.update(value)
        else:
            sealed.extend(value)

    def close(self, status: str = "completed") -> bytes:
        """Return the events that complete the item."""
        done, text = b"", "".join(self._pieces)
        if text:
            done = self._write_summary("text.done", {"text": text})
            done += self._write_summary("part.done", {"part": _summary(text)})
            self.item = {**self.item, "summary": [_summary(text)]}
        if self._sealed:
            self.item = {**self.item, "encrypted_content": seal(self._sealed)}
        return done + super().close(status)

    def _write_summary(self, event: str, members: Mapping[str, Any]) -> bytes:
        return self._write(f"response.reasoning_summary_{event}", {"summary_index": 0, **members})


def _summary(text: str) -> Item:
    return {"type": "summary_text", "text": text}


class StreamedCall(StreamedItem):
    """A call of a function."""

    def __init__(self, events: Events, index: int, item: Item) -> None:
        super().__init__(events, index, {**item, "type": "function_call", "arguments": "", "status": "in_progress"})
        self._pieces: list[str] = []

    def add_arguments(self, text: str) -> bytes:
        """Add a piece of the arguments."""
        self._pieces.append(text)
        return self._write("response.function_call_arguments.delta", {"delta": text})

    def close(self, status: str = "completed") -> bytes:
        """Return the events that complete the item."""
        arguments = "".join(self._pieces)
        self.item = {**self.item, "arguments": arguments}
        done = self._write("response.function_call_arguments.done", {"arguments": arguments})
        return done + super().close(status)


class StreamedCustomCall(StreamedItem):
    """A call of a custom tool. Its input is one string of the function's arguments, so it is sent when that is complete."""

    def __init__(self, events: Events, index: int, item: Item) -> None:
        super().__init__(events, index, {**item, "type": "custom_tool_call", "input": "", "status": "in_progress"})
        self._pieces: list[str] = []

    def add_arguments(self, text: str) -> bytes:
        """Add a piece of the function's arguments."""
        self._pieces.append(text)
        return b""

    def close(self, status: str = "completed") -> bytes:
        """Return the events that complete the item."""
        value = custom_input("".join(self._pieces))
        self.item = {**self.item, "input": value}
        written = self._write("response.custom_tool_call_input.delta", {"delta": value})
        return written + self._write("response.custom_tool_call_input.done", {"input": value}) + super().close(status)


class StreamedImage(StreamedItem):
    """An image that the model has generated. It comes in one piece."""

    def __init__(self, events: Events, index: int, id: str, data: str) -> None:
        empty = {"id": id, "type": "image_generation_call", "status": "in_progress", "result": None}
        super().__init__(events, index, empty)
        self._data = data

    def close(self, status: str = "completed") -> bytes:
        """Return the events that complete the item."""
        self.item = {**self.item, "result": self._data}
        return self._write("response.image_generation_call.completed", {}) + super().close("completed")


def streamed_call(events: Events, index: int, members: Item, tool: CallerTool) -> StreamedCall | StreamedCustomCall:
    """Return the call of a tool, in the words of its kind. `members` are its `id` and its `call_id`."""
    named = {**members, "name": tool.name, **({"namespace": tool.namespace} if tool.namespace else {})}
    return StreamedCustomCall(events, index, named) if tool.is_custom else StreamedCall(events, index, named)
