"""OpenAI's messages as Anthropic's turns: blocks instead of parts, tool results in the user's turn, no two turns of one role."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from proxy.dialects.anthropic.tables import IMAGE_TYPES, TOOL_ID, ModelCapabilities
from proxy.dialects.hub.content import content_parts, invalid_param, parse_arguments, parse_image, part_text
from proxy.dialects.names import UniqueNames

Block = dict[str, Any]

_MOST_NAMED = 10
"""Ids that an error message lists."""


@dataclass(slots=True)
class _Turn:
    """Consecutive messages of one role as one: results of tools must come first in it, the rest keeps its order."""

    role: str
    results: list[Block] = field(default_factory=list)
    rest: list[Block] = field(default_factory=list)

    def add(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            (self.results if block["type"] == "tool_result" else self.rest).append(block)

    def as_json(self) -> dict[str, Any]:
        return {"role": self.role, "content": self.results + self.rest}


@dataclass(slots=True)
class Conversation:
    """Translates messages one by one; `system` and what `to_turns` returns go into the request."""

    caps: ModelCapabilities
    names: Mapping[str, str]
    """The caller's names of tools -> what the provider is told."""
    system: list[Block] = field(default_factory=list)
    _turns: list[_Turn] = field(default_factory=list)
    _open: dict[str, str] = field(default_factory=dict)
    _caller: str = ""
    _ids: UniqueNames = field(default_factory=lambda: UniqueNames(TOOL_ID))

    def add(self, message: Any, where: str) -> None:
        """The next message. Raises InvalidRequestError for what cannot stand there."""
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in _ROLES:
            raise invalid_param(f"{where}.role", f"must be one of {', '.join(_ROLES)}")
        _ROLES[role](self, message, where)

    def to_turns(self) -> list[dict[str, Any]]:
        """Return the turns of the whole conversation. Raises InvalidRequestError if no model can go on with it."""
        self._answered()
        if not self._turns:
            raise invalid_param("messages", "must hold a message that says something and is not the system's")
        if self._turns[-1].role == "assistant":
            self._prefilled(self._turns[-1].rest[-1])
        first = [] if self._turns[0].role == "user" else [_Turn("user", rest=[{"type": "text", "text": "."}])]
        return [turn.as_json() for turn in first + self._turns]

    def _prefilled(self, last: Block) -> None:
        if not self.caps.prefill:
            raise invalid_param(
                "messages", "this model does not go on with an assistant message: the last must be another's"
            )
        last["text"] = last["text"].rstrip()

    def _system(self, message: Mapping[str, Any], where: str) -> None:
        """Before all others it is the request's; later it stays where it is if the model can take it, else the user says it."""
        said = _blocks(message.get("content"), f"{where}.content", _TEXTS)
        if not self._turns:
            self.system += said
        elif said and self.caps.mid_conversation_system and not self._open:
            self._turns.append(_Turn("system", rest=said))
        else:
            self._say("user", said)

    def _user(self, message: Mapping[str, Any], where: str) -> None:
        self._say("user", _blocks(message.get("content"), f"{where}.content", _USER))

    def _assistant(self, message: Mapping[str, Any], where: str) -> None:
        self._answered()
        if message.get("function_call"):
            raise invalid_param(f"{where}.function_call", "is not supported: use `tool_calls`")
        said = _blocks(message.get("content"), f"{where}.content", _ASSISTANT)
        calls = message.get("tool_calls") or []
        if not isinstance(calls, list):
            raise invalid_param(f"{where}.tool_calls", "must be a list")
        self._caller = where
        self._say("assistant", said + [self._call(call, f"{where}.tool_calls[{n}]") for n, call in enumerate(calls)])

    def _call(self, call: Any, where: str) -> Block:
        given = parse_arguments(call, where)
        id, name = call.get("id"), call["function"]["name"]
        if not isinstance(id, str) or id in self._open:
            raise invalid_param(f"{where}.id", "must be a string, and another for each call")
        told = self._open[id] = self._ids.assign(id)
        return {"type": "tool_use", "id": told, "name": self.names.get(name, name), "input": given}

    def _tool(self, message: Mapping[str, Any], where: str) -> None:
        id = message.get("tool_call_id")
        told = self._open.pop(id, None) if isinstance(id, str) else None
        if told is None:
            raise invalid_param(
                f"{where}.tool_call_id", "must be the id of a call in the assistant message before, not yet answered"
            )
        result: Block = {"type": "tool_result", "tool_use_id": told}
        content = message.get("content")
        said = content if isinstance(content, str) else _blocks(content, f"{where}.content", _USER)
        self._say("user", [result | ({"content": said} if _says(said) else {})])

    def _answered(self) -> None:
        if self._open:
            ids = ", ".join(islice(self._open, _MOST_NAMED))
            raise invalid_param(f"{self._caller}.tool_calls", f"no tool message answers {ids}")

    def _say(self, role: str, said: list[Block]) -> None:
        if said and not (self._turns and self._turns[-1].role == role):
            self._turns.append(_Turn(role))
        if said:
            self._turns[-1].add(said)


_ROLES: Mapping[str, Callable[[Conversation, Mapping[str, Any], str], None]] = {
    "system": Conversation._system,
    "developer": Conversation._system,
    "user": Conversation._user,
    "assistant": Conversation._assistant,
    "tool": Conversation._tool,
}


def _blocks(content: Any, where: str, kinds: Mapping[str, Callable[[Block, str], Block | None]]) -> list[Block]:
    """A content's parts as blocks; what would be an empty text is left out, `cache_control` is kept."""
    blocks = []
    for index, part in enumerate(content_parts(content, where)):
        path = f"{where}[{index}]"
        if part["type"] not in kinds:
            raise invalid_param(path, f"a part of type {part['type']!r} cannot stand here")
        block = kinds[part["type"]](part, path)
        if block is not None:
            blocks.append(block | ({"cache_control": part["cache_control"]} if part.get("cache_control") else {}))
    return blocks


def _says(said: str | list[Block]) -> bool:
    return bool(said.strip() if isinstance(said, str) else said)


def _text(part: Block, where: str) -> Block | None:
    said = part_text(part)
    if said is None:
        raise invalid_param(f"{where}.{part['type']}", "must be a string")
    return {"type": "text", "text": said} if said.strip() else None


def _image(part: Block, where: str) -> Block:
    picture = parse_image(part, where)
    if not picture.data:
        return {"type": "image", "source": {"type": "url", "url": picture.url}}
    if picture.media_type not in IMAGE_TYPES:
        raise invalid_param(f"{where}.image_url.url", f"an image of type {picture.media_type} is not taken")
    return {"type": "image", "source": {"type": "base64", "media_type": picture.media_type, "data": picture.data}}


_TEXTS = {"text": _text}
_USER = {"text": _text, "image_url": _image}
_ASSISTANT = {"text": _text, "refusal": _text}
