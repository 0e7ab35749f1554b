"""OpenAI's messages as Anthropic's turns: blocks instead of parts, tool results in the user's turn, no two turns of one role."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.dialects.anthropic.tables import IMAGE_TYPES, TOOL_ID, Traits
from proxy.dialects.content import arguments, image, invalid, part_text, parts
from proxy.dialects.names import free

Block = dict[str, Any]


@dataclass(slots=True)
class Conversation:
    """What has been translated so far; `closed` gives what the request needs."""

    traits: Traits
    names: Mapping[str, str]
    """The caller's names of tools -> what the provider is told."""
    system: list[Block] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)
    _open: dict[str, str] = field(default_factory=dict)
    _caller: str = ""
    _used: set[str] = field(default_factory=set)

    def add(self, message: Any, where: str) -> None:
        """The next message. Raises InvalidRequest for what cannot stand there."""
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in _ROLES:
            raise invalid(f"{where}.role", f"must be one of {', '.join(_ROLES)}")
        _ROLES[role](self, message, where)

    def close(self) -> None:
        """No more messages: whether it is a conversation that a model can go on with. Raises InvalidRequest."""
        self._answered()
        if not self.turns:
            raise invalid("messages", "must hold a message that says something and is not the system's")
        if self.turns[0]["role"] != "user":
            self.turns.insert(0, {"role": "user", "content": [{"type": "text", "text": "."}]})
        if self.turns[-1]["role"] == "assistant":
            self._prefilled(self.turns[-1]["content"][-1])

    def _prefilled(self, last: Block) -> None:
        if not self.traits.prefill:
            raise invalid("messages", "this model does not go on with an assistant message: the last must be another's")
        last["text"] = last["text"].rstrip()

    def _system(self, message: Mapping[str, Any], where: str) -> None:
        """Before all others it is the request's; later it stays where it is if the model can take it, else the user says it."""
        said = _blocks(message.get("content"), f"{where}.content", _TEXTS)
        if not self.turns:
            self.system += said
        elif said and self.traits.inner_system and not self._open:
            self.turns.append({"role": "system", "content": said})
        else:
            self._say("user", said)

    def _user(self, message: Mapping[str, Any], where: str) -> None:
        self._say("user", _blocks(message.get("content"), f"{where}.content", _USER))

    def _assistant(self, message: Mapping[str, Any], where: str) -> None:
        self._answered()
        if message.get("function_call"):
            raise invalid(f"{where}.function_call", "is not supported: use `tool_calls`")
        said = _blocks(message.get("content"), f"{where}.content", _ASSISTANT)
        calls = message.get("tool_calls") or []
        if not isinstance(calls, list):
            raise invalid(f"{where}.tool_calls", "must be a list")
        self._caller = where
        self._say("assistant", said + [self._call(call, f"{where}.tool_calls[{n}]") for n, call in enumerate(calls)])

    def _call(self, call: Any, where: str) -> Block:
        given = arguments(call, where)
        id, name = call.get("id"), call["function"]["name"]
        if not isinstance(id, str) or id in self._open:
            raise invalid(f"{where}.id", "must be a string, and another for each call")
        told = free(id, TOOL_ID, self._used)
        self._used.add(told)
        self._open[id] = told
        return {"type": "tool_use", "id": told, "name": self.names.get(name, name), "input": given}

    def _tool(self, message: Mapping[str, Any], where: str) -> None:
        id = message.get("tool_call_id")
        told = self._open.pop(id, None) if isinstance(id, str) else None
        if told is None:
            raise invalid(
                f"{where}.tool_call_id", "must be the id of a call in the assistant message before, not yet answered"
            )
        result: Block = {"type": "tool_result", "tool_use_id": told}
        content = message.get("content")
        said = content if isinstance(content, str) else _blocks(content, f"{where}.content", _USER)
        self._say("user", [result | ({"content": said} if _says(said) else {})])

    def _answered(self) -> None:
        if self._open:
            raise invalid(f"{self._caller}.tool_calls", f"no tool message answers {', '.join(self._open)}")

    def _say(self, role: str, said: list[Block]) -> None:
        """Results of tools must come first in their turn; the rest keeps its order."""
        if self.turns and self.turns[-1]["role"] == role:
            said = self.turns.pop()["content"] + said
        if said:
            self.turns.append({"role": role, "content": sorted(said, key=lambda block: block["type"] != "tool_result")})


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
    for index, part in enumerate(parts(content, where)):
        path = f"{where}[{index}]"
        if part["type"] not in kinds:
            raise invalid(path, f"a part of type {part['type']!r} cannot stand here")
        block = kinds[part["type"]](part, path)
        if block is not None:
            blocks.append(block | ({"cache_control": part["cache_control"]} if part.get("cache_control") else {}))
    return blocks


def _says(said: str | list[Block]) -> bool:
    return bool(said.strip() if isinstance(said, str) else said)


def _text(part: Block, where: str) -> Block | None:
    said = part_text(part)
    if said is None:
        raise invalid(f"{where}.{part['type']}", "must be a string")
    return {"type": "text", "text": said} if said.strip() else None


def _image(part: Block, where: str) -> Block:
    picture = image(part, where)
    if not picture.data:
        return {"type": "image", "source": {"type": "url", "url": picture.url}}
    if picture.media_type not in IMAGE_TYPES:
        raise invalid(f"{where}.image_url.url", f"an image of type {picture.media_type} is not taken")
    return {"type": "image", "source": {"type": "base64", "media_type": picture.media_type, "data": picture.data}}


_TEXTS = {"text": _text}
_USER = {"text": _text, "image_url": _image}
_ASSISTANT = {"text": _text, "refusal": _text}
