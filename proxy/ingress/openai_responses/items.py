"""Translates the input, a text or a list of items, to the messages of the hub.

What one assistant turn consists of (reasoning, texts, calls) is one message. Results stand right behind the calls that
they answer, also if the caller has put other items between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from proxy.dialects.coerce import object_of, objects_of, text_of
from proxy.dialects.hub.content import invalid_param, unsupported_feature
from proxy.dialects.hub.custom_tools import custom_arguments
from proxy.dialects.hub.sealed_reasoning import is_sealed, unseal
from proxy.ingress.openai_responses.content import hub_content
from proxy.ingress.openai_responses.tools import CallerTool

Item = Mapping[str, Any]
Message = dict[str, Any]
Content = str | list[dict[str, Any]]

_ROLES = ("user", "system", "developer", "assistant")

RUN_BY_PROVIDER = frozenset({
    "code_interpreter_call", "file_search_call", "image_generation_call", "mcp_approval_request", "mcp_call",
    "mcp_list_tools", "web_search_call",
})  # fmt: skip
"""Items that show what a provider's own tools did. The answer that follows has what they found."""


class Translated(NamedTuple):
    """The messages of a request."""

    messages: list[Message]
    paths: tuple[str, ...]
    """For each message the path of the first item that it was made of."""
    warnings: tuple[str, ...]
    """For items that have no equivalent."""


def hub_messages(body: Mapping[str, Any]) -> Translated:
    """Return the messages of a request. Raises InvalidRequestError."""
    value, instructions = body.get("input"), body.get("instructions")
    if not isinstance(instructions, str | None):
        raise invalid_param("instructions", "must be a string")
    items = [{"role": "user", "content": value}] if isinstance(value, str) else value
    if not isinstance(items, list) or not items:
        raise invalid_param("input", "must be a text or a list of at least one item")
    conversation = _Conversation(items)
    for index, item in enumerate(items):
        conversation.add(item, f"input[{index}]")
    placed = conversation.messages()
    if instructions:
        placed = [_Placed({"role": "system", "content": instructions}, "instructions"), *placed]
    return Translated(
        [message for message, _ in placed],
        tuple(where for _, where in placed),
        tuple(f"item-dropped;type={kind}" for kind in conversation.dropped),
    )


class _Placed(NamedTuple):
    """A message, and the path of the first item that it was made of."""

    message: Message
    where: str


class _Turn:
    """What belongs to one message of the assistant. It is joined once, at its end."""

    def __init__(self, where: str) -> None:
        self.where = where
        """The path of its first item."""
        self.contents: list[Content] = []
        self.reasoning: list[str] = []
        self.thinking_blocks: list[Any] = []
        self.calls: list[Message] = []

    def add_content(self, content: Content) -> None:
        """Add a text or parts, unless they are empty."""
        if content:
            self.contents.append(content)

    def message(self) -> Message:
        """Return the message."""
        members = {
            "reasoning_content": "".join(self.reasoning),
            "thinking_blocks": self.thinking_blocks,
            "tool_calls": self.calls,
        }
        given = {name: value for name, value in members.items() if value}
        return {"role": "assistant", "content": _joined(self.contents), **given}


class _Conversation:
    """Builds the messages item by item."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._messages: list[_Placed] = []
        """Those after the last calls and their results."""
        self._results: list[_Placed] = []
        """Those with the results of the last calls."""
        self._groups = [self._results, self._messages]
        """All messages, in their order."""
        self._turn: _Turn | None = None
        """The assistant's message that is being put together."""
        self._unanswered: set[str] = set()
        self._extras = _call_extras(items)
        self.dropped: dict[str, None] = {}
        """Types of the items that were left out."""

    def add(self, item: Any, where: str) -> None:
        """Add the next item, found at that path."""
        if not isinstance(item, dict):
            raise invalid_param(where, "must be an object")
        kind = item.get("type") or ("message" if item.get("role") else "item_reference")
        if isinstance(kind, str) and kind in RUN_BY_PROVIDER:
            self.dropped[kind] = None
        elif isinstance(kind, str) and kind in _ITEMS:
            _ITEMS[kind](self, item, where)
        else:
            raise unsupported_feature(
                f"{where}.type", f"items of type {str(kind)[:64]!r} are understood by OpenAI only"
            )

    def messages(self) -> list[_Placed]:
        """Return all messages."""
        self._end_turn()
        return list(chain.from_iterable(self._groups))

    def _message(self, item: Item, where: str) -> None:
        role = item.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise invalid_param(f"{where}.role", f"must be one of {', '.join(_ROLES)}")
        content = hub_content(item.get("content"), f"{where}.content")
        if role == "assistant":
            self._open_turn(where).add_content(content)
        else:
            self._end_turn()
            self._messages.append(_Placed({"role": role, "content": content}, where))

    def _reasoning(self, item: Item, where: str) -> None:
        """Reasoning that follows a text begins a new message, so that the provider gets both in their order."""
        summary = _reasoning_text(item)
        sealed = unseal(item.get("encrypted_content"))
        if item.get("encrypted_content") and not is_sealed(item.get("encrypted_content")) and not summary:
            self.dropped["reasoning"] = None
        blocks = objects_of(sealed.get("thinking_blocks"))
        if not (blocks or summary):
            return
        if self._turn is not None and self._turn.contents and not self._turn.calls:
            self._end_turn()
        turn = self._open_turn(where)
        turn.reasoning.append(summary)
        turn.thinking_blocks += blocks

    def _function_call(self, item: Item, where: str) -> None:
        arguments = item.get("arguments")
        if not isinstance(arguments, str):
            raise invalid_param(f"{where}.arguments", "must be a string of JSON")
        self._call(item, arguments, where)

    def _custom_call(self, item: Item, where: str) -> None:
        if not isinstance(item.get("input"), str):
            raise invalid_param(f"{where}.input", "must be a string")
        self._call(item, custom_arguments(item["input"]), where)

    def _call(self, item: Item, arguments: str, where: str) -> None:
        id, name = item.get("call_id"), item.get("name")
        if not isinstance(id, str) or not id or id in self._unanswered:
            raise invalid_param(f"{where}.call_id", "must be a string, and unique among unanswered calls")
        if not isinstance(name, str) or not name:
            raise invalid_param(f"{where}.name", "must be a string")
        function = {"name": CallerTool(name, text_of(item.get("namespace"))).hub_name, "arguments": arguments}
        extra = {"extra_content": self._extras[id]} if id in self._extras else {}
        self._open_turn(where).calls.append({"id": id, "type": "function", "function": function, **extra})
        self._unanswered.add(id)

    def _output(self, item: Item, where: str) -> None:
        self._end_turn()
        id = item.get("call_id")
        if not isinstance(id, str) or id not in self._unanswered:
            raise invalid_param(f"{where}.call_id", "must be the id of an unanswered call before it")
        self._unanswered.remove(id)
        content = hub_content(item.get("output"), f"{where}.output")
        self._results.append(_Placed({"role": "tool", "tool_call_id": id, "content": content}, where))

    def _reference(self, item: Item, where: str) -> None:
        what = "refers to an item that is not kept here: send the item itself"
        raise invalid_param(f"{where}.id", f"{text_of(item.get('id'))[:64]!r} {what}")

    def _open_turn(self, where: str) -> _Turn:
        if self._turn is None:
            self._turn = _Turn(where)
        return self._turn

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is None or not (turn.contents or turn.calls):
            return  # reasoning alone is nothing that a conversation can go on from
        self._messages.append(_Placed(turn.message(), turn.where))
        if turn.calls:
            self._results, self._messages = [], []
            self._groups += [self._results, self._messages]


_ITEMS: Mapping[str, Callable[[_Conversation, Item, str], None]] = {
    "message": _Conversation._message,
    "reasoning": _Conversation._reasoning,
    "function_call": _Conversation._function_call,
    "custom_tool_call": _Conversation._custom_call,
    "function_call_output": _Conversation._output,
    "custom_tool_call_output": _Conversation._output,
    "item_reference": _Conversation._reference,
}


def _call_extras(items: Iterable[Any]) -> dict[str, Any]:
    """Return what the reasoning items keep of calls: call id -> its `extra_content`. It may come before or after the call."""
    sealed = [unseal(object_of(item).get("encrypted_content")) for item in items]
    return {id: extra for members in sealed for id, extra in object_of(members.get("calls")).items()}


def _reasoning_text(item: Item) -> str:
    parts = [*objects_of(item.get("summary")), *objects_of(item.get("content"))]
    return "\n\n".join(filter(None, (text_of(part.get("text")) for part in parts)))


def _joined(contents: Sequence[Content]) -> Content | None:
    """Return the contents of the messages of one turn as one: a text if all are, otherwise parts. None if there are none."""
    texts = [content for content in contents if isinstance(content, str)]
    if len(texts) == len(contents):
        return "\n\n".join(texts) or None
    as_parts = [[{"type": "text", "text": each}] if isinstance(each, str) else each for each in contents]
    return list(chain.from_iterable(as_parts))
