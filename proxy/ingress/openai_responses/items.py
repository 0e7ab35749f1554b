"""Translates the input, a text or a list of items, to the messages of the hub.

What one assistant turn consists of (reasoning, texts, calls) is one message. Results stand right behind the calls that
they answer, also if the caller has put other items between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from proxy.dialects.coerce import object_of, objects_of, text_of
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.sealed_reasoning import is_sealed, unseal
from proxy.ingress.openai_responses.content import hub_content, unsupported
from proxy.ingress.openai_responses.tools import CallerTool, custom_arguments

Item = Mapping[str, Any]
Message = dict[str, Any]

_ROLES = ("user", "system", "developer", "assistant")

RUN_BY_PROVIDER = frozenset({
    "code_interpreter_call", "file_search_call", "image_generation_call", "mcp_approval_request", "mcp_call",
    "mcp_list_tools", "web_search_call",
})  # fmt: skip
"""Items that show what a provider's own tools did. The answer that follows has what they found."""


def hub_messages(body: Mapping[str, Any]) -> tuple[list[Message], tuple[str, ...]]:
    """Return the messages of a request and the warnings for items that have no equivalent. Raises InvalidRequestError."""
    value, instructions = body.get("input"), body.get("instructions")
    if not isinstance(instructions, str | None):
        raise invalid_param("instructions", "must be a string")
    items = [{"role": "user", "content": value}] if isinstance(value, str) else value
    if not isinstance(items, list) or not items:
        raise invalid_param("input", "must be a text or a list of at least one item")
    conversation = _Conversation(items)
    for index, item in enumerate(items):
        conversation.add(item, f"input[{index}]")
    first = [{"role": "system", "content": instructions}] if instructions else []
    return first + conversation.messages(), tuple(f"item-dropped;type={kind}" for kind in conversation.dropped)


class _Conversation:
    """Builds the messages item by item."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._messages: list[Message] = []
        self._turn: Message | None = None
        """The assistant's message that is being put together."""
        self._unanswered: set[str] = set()
        self._results_end = 0
        """Where the next result of the last calls belongs."""
        self._extras = _call_extras(items)
        self.dropped: dict[str, None] = {}
        """Types of the items that were left out."""

    def add(self, item: Any, where: str) -> None:
        """Add the next item, found at that path."""
        if not isinstance(item, dict):
            raise invalid_param(where, "must be an object")
        kind = item.get("type") or ("message" if item.get("role") else "item_reference")
        if not isinstance(kind, str) or kind not in _ITEMS.keys() | RUN_BY_PROVIDER:
            raise unsupported(f"{where}.type", f"items of type {str(kind)[:64]!r} are understood by OpenAI only")
        if kind in RUN_BY_PROVIDER:
            self.dropped[kind] = None
        else:
            _ITEMS[kind](self, item, where)

    def messages(self) -> list[Message]:
        """Return all messages."""
        self._end_turn()
        return self._messages

    def _message(self, item: Item, where: str) -> None:
        role = item.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise invalid_param(f"{where}.role", f"must be one of {', '.join(_ROLES)}")
        content = hub_content(item.get("content"), f"{where}.content")
        if role == "assistant":
            turn = self._open_turn()
            turn["content"] = _joined(turn["content"], content)
        else:
            self._end_turn()
            self._messages.append({"role": role, "content": content})

    def _reasoning(self, item: Item, where: str) -> None:
        """Reasoning that follows a text begins a new message, so that the provider gets both in their order."""
        summary = _reasoning_text(item)
        sealed = unseal(item.get("encrypted_content"))
        if item.get("encrypted_content") and not is_sealed(item.get("encrypted_content")) and not summary:
            self.dropped["reasoning"] = None
        blocks = objects_of(sealed.get("thinking_blocks"))
        if not (blocks or summary):
            return
        if self._turn is not None and self._turn["content"] and not self._turn.get("tool_calls"):
            self._end_turn()
        turn = self._open_turn()
        if summary:
            turn["reasoning_content"] = turn.get("reasoning_content", "") + summary
        if blocks:
            turn["thinking_blocks"] = [*turn.get("thinking_blocks", ()), *blocks]

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
        self._open_turn().setdefault("tool_calls", []).append(
            {"id": id, "type": "function", "function": function, **extra}
        )
        self._unanswered.add(id)

    def _output(self, item: Item, where: str) -> None:
        self._end_turn()
        id = item.get("call_id")
        if not isinstance(id, str) or id not in self._unanswered:
            raise invalid_param(f"{where}.call_id", "must be the id of an unanswered call before it")
        self._unanswered.remove(id)
        content = hub_content(item.get("output"), f"{where}.output")
        self._messages.insert(self._results_end, {"role": "tool", "tool_call_id": id, "content": content})
        self._results_end += 1

    def _reference(self, item: Item, where: str) -> None:
        what = "refers to an item that is not kept here: send the item itself"
        raise invalid_param(f"{where}.id", f"{text_of(item.get('id'))[:64]!r} {what}")

    def _open_turn(self) -> Message:
        if self._turn is None:
            self._turn = {"role": "assistant", "content": None}
        return self._turn

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is None or not (turn["content"] or turn.get("tool_calls")):
            return  # reasoning alone is nothing that a conversation can go on from
        self._messages.append(turn)
        if turn.get("tool_calls"):
            self._results_end = len(self._messages)


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


def _joined(earlier: Any, later: str | list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Return the contents of two messages of one turn as one."""
    if not earlier:
        return later
    if isinstance(earlier, str) and isinstance(later, str):
        return f"{earlier}\n\n{later}"
    as_parts = [[{"type": "text", "text": each}] if isinstance(each, str) else each for each in (earlier, later)]
    return as_parts[0] + as_parts[1]
