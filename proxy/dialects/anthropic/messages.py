"""Translates OpenAI's messages into the `system` and `messages` of Anthropic's Messages API.

Content parts become blocks, tool results move into user turns, and consecutive messages of one role are merged into one
turn, because Anthropic requires alternating roles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from proxy.dialects.anthropic.tables import IMAGE_TYPES, MAX_TITLE_LENGTH, TOOL_ID, ModelCapabilities
from proxy.dialects.anthropic.thinking import replayed_blocks
from proxy.dialects.hub.content import arguments_json, content_parts, invalid_param, parse_image, part_text
from proxy.dialects.hub.files import TEXT, File, parse_document
from proxy.dialects.hub.media import is_https
from proxy.dialects.names import UniqueNames

Block = dict[str, Any]

_MAX_LISTED_IDS = 10
"""Maximum number of ids listed in an error message."""


@dataclass(slots=True)
class _Turn:
    """Merges consecutive messages of one role. Anthropic requires tool results first. Other blocks keep their order."""

    role: str
    tool_results: list[Block] = field(default_factory=list)
    other_blocks: list[Block] = field(default_factory=list)

    def add(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            (self.tool_results if block["type"] == "tool_result" else self.other_blocks).append(block)

    def to_json(self) -> dict[str, Any]:
        return {"role": self.role, "content": self.tool_results + self.other_blocks}


@dataclass(slots=True)
class Conversation:
    """Translates messages one by one. The request takes `system` and the result of `to_turns()`."""

    caps: ModelCapabilities
    provider_names: Mapping[str, str]
    """Tool names: the caller's -> the name sent to the provider."""
    thinking_model: str | None = None
    """The model, if it may think: earlier thinking of its family is kept."""
    system: list[Block] = field(default_factory=list)
    _turns: list[_Turn] = field(default_factory=list)
    _unanswered_ids: dict[str, str] = field(default_factory=dict)
    """Tool calls of the last assistant message without a result: the caller's id -> the id sent to the provider."""
    _calls_path: str = ""
    """Path of the message that made those calls, for error messages."""
    _unique_ids: UniqueNames = field(default_factory=lambda: UniqueNames(TOOL_ID))

    def add(self, message: Any, where: str) -> None:
        """Add the next message, found at the path `where`. Raises InvalidRequestError if it is invalid at this position."""
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in _ROLES:
            raise invalid_param(f"{where}.role", f"must be one of {', '.join(_ROLES)}")
        _ROLES[role](self, message, where)

    def to_turns(self) -> list[dict[str, Any]]:
        """Return all turns as JSON values. Raises InvalidRequestError if the model cannot continue this conversation."""
        self._check_calls_answered()
        if not (self._turns or self.system):
            raise invalid_param("messages", "must contain a message with content")
        if self._turns and self._turns[-1].role == "assistant":
            self._prepare_prefill(self._turns[-1].other_blocks[-1])
        starts_with_user = bool(self._turns) and self._turns[0].role == "user"
        filler = [] if starts_with_user else [_Turn("user", other_blocks=[{"type": "text", "text": "."}])]
        return [turn.to_json() for turn in filler + self._turns]

    def _prepare_prefill(self, last: Block) -> None:
        if not self.caps.prefill:
            raise invalid_param(
                "messages", "this model does not support prefill: the last message must not be an assistant message"
            )
        last["text"] = last["text"].rstrip()

    def _system(self, message: Mapping[str, Any], where: str) -> None:
        """Leading system messages become `system`. Later ones become a system turn if the model supports it, else a user turn."""
        blocks = _marked(_blocks(message.get("content"), f"{where}.content", _SYSTEM_PARTS), message)
        if not self._turns:
            self.system += blocks
        elif blocks and self.caps.mid_conversation_system and not self._unanswered_ids:
            self._turns.append(_Turn("system", other_blocks=blocks))
        else:
            self._append("user", blocks)

    def _user(self, message: Mapping[str, Any], where: str) -> None:
        self._append("user", _marked(_blocks(message.get("content"), f"{where}.content", _USER_PARTS), message))

    def _assistant(self, message: Mapping[str, Any], where: str) -> None:
        self._check_calls_answered()
        if message.get("function_call"):
            raise invalid_param(f"{where}.function_call", "is not supported: use `tool_calls`")
        blocks = _blocks(message.get("content"), f"{where}.content", _ASSISTANT_PARTS)
        calls = message.get("tool_calls") or []
        if not isinstance(calls, list):
            raise invalid_param(f"{where}.tool_calls", "must be a list")
        self._calls_path = where
        blocks += [self._call(call, f"{where}.tool_calls[{n}]") for n, call in enumerate(calls)]
        self._append("assistant", [*self._thinking(message), *_marked(blocks, message)] if blocks else [])

    def _thinking(self, message: Mapping[str, Any]) -> list[Block]:
        return [] if self.thinking_model is None else replayed_blocks(message, self.thinking_model)

    def _call(self, call: Any, where: str) -> Block:
        tool_input = arguments_json(call, where)
        id, name = call.get("id"), call["function"]["name"]
        if not isinstance(id, str) or id in self._unanswered_ids:
            raise invalid_param(f"{where}.id", "must be a string, and unique among unanswered calls")
        provider_id = self._unanswered_ids[id] = self._unique_ids.assign(id)
        return {"type": "tool_use", "id": provider_id, "name": self.provider_names.get(name, name), "input": tool_input}

    def _tool(self, message: Mapping[str, Any], where: str) -> None:
        id = message.get("tool_call_id")
        provider_id = self._unanswered_ids.pop(id, None) if isinstance(id, str) else None
        if provider_id is None:
            raise invalid_param(
                f"{where}.tool_call_id", "must be the id of an unanswered call of the preceding assistant message"
            )
        result: Block = {"type": "tool_result", "tool_use_id": provider_id}
        content = message.get("content")
        output = content if isinstance(content, str) else _blocks(content, f"{where}.content", _USER_PARTS)
        self._append("user", _marked([result if _is_blank(output) else result | {"content": output}], message))

    def _check_calls_answered(self) -> None:
        if self._unanswered_ids:
            ids = ", ".join(islice(self._unanswered_ids, _MAX_LISTED_IDS))
            raise invalid_param(f"{self._calls_path}.tool_calls", f"missing tool messages for {ids}")

    def _append(self, role: str, blocks: list[Block]) -> None:
        if blocks and not (self._turns and self._turns[-1].role == role):
            self._turns.append(_Turn(role))
        if blocks:
            self._turns[-1].add(blocks)


_ROLES: Mapping[str, Callable[[Conversation, Mapping[str, Any], str], None]] = {
    "system": Conversation._system,
    "developer": Conversation._system,
    "user": Conversation._user,
    "assistant": Conversation._assistant,
    "tool": Conversation._tool,
}


def _blocks(content: Any, where: str, translators: Mapping[str, Callable[[Block, str], Block | None]]) -> list[Block]:
    """Translate content parts with the function for their type. Empty texts are dropped, `cache_control` is kept."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content.strip() else []
    blocks = []
    for index, part in enumerate(content_parts(content, where)):
        path = f"{where}[{index}]"
        if part["type"] not in translators:
            raise invalid_param(path, f"parts of type {part['type']!r} are not allowed here")
        block = translators[part["type"]](part, path)
        if block is not None:
            blocks.append(block | ({"cache_control": part["cache_control"]} if part.get("cache_control") else {}))
    return blocks


def _marked(blocks: list[Block], message: Mapping[str, Any]) -> list[Block]:
    """Return the blocks of a message with its own `cache_control` at the last of them, unless that has one."""
    mark = message.get("cache_control")
    if not mark or not blocks or "cache_control" in blocks[-1]:
        return blocks
    return [*blocks[:-1], {**blocks[-1], "cache_control": mark}]


def _is_blank(content: str | list[Block]) -> bool:
    return not (content.strip() if isinstance(content, str) else content)


def _text(part: Block, where: str) -> Block | None:
    text = part_text(part)
    if text is None:
        raise invalid_param(f"{where}.{part['type']}", "must be a string")
    return {"type": "text", "text": text} if text.strip() else None


def _image(part: Block, where: str) -> Block:
    image = parse_image(part, where)
    if not image.data:
        return {"type": "image", "source": {"type": "url", "url": image.url}}
    if image.media_type not in IMAGE_TYPES:
        raise invalid_param(f"{where}.image_url.url", f"image type {image.media_type} is not supported")
    return {"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": image.data}}


def _file(part: Block, where: str) -> Block:
    file = parse_document(part, where)
    title = {"title": file.name[:MAX_TITLE_LENGTH]} if file.name else {}
    return {"type": "document", "source": _document_source(file), **title}


def _document_source(file: File) -> Block:
    if file.id:
        return {"type": "file", "file_id": file.id}
    if file.url:
        if not is_https(file.url):
            raise file.refusal()
        return {"type": "url", "url": file.url}
    if file.is_text:
        return {"type": "text", "media_type": TEXT, "data": file.text}
    return {"type": "base64", "media_type": file.media_type, "data": file.data}


_SYSTEM_PARTS = {"text": _text}
_USER_PARTS = {"text": _text, "image_url": _image, "file": _file}
_ASSISTANT_PARTS = {"text": _text, "refusal": _text}
