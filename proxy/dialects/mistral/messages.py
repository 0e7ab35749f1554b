"""Translates OpenAI's messages to Mistral's: the same roles, with only the members that Mistral accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.dialects.hub.call_repair import repair_calls
from proxy.dialects.hub.content import content_parts, invalid_param, part_text, text_content
from proxy.dialects.hub.files import parse_document
from proxy.dialects.hub.history import image_part, role_of, tool_call_id_of, tool_calls_of
from proxy.dialects.hub.media import is_https
from proxy.dialects.mistral.ids import sanitize_ids
from proxy.dialects.mistral.tables import BRIDGE, FILLER

Turn = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Names:
    """The tool names and tool call ids of one request: the caller's -> those sent to Mistral."""

    tools: Mapping[str, str]
    ids: Mapping[str, str]


def translate_messages(messages: Any, tool_names: Mapping[str, str]) -> list[Turn]:
    """Return the messages with these tool names. Raises InvalidRequestError for what Mistral cannot express."""
    if not isinstance(messages, list):
        raise invalid_param("messages", "must be a list")
    messages = repair_calls(messages)
    names = _Names(tool_names, sanitize_ids(_ids(messages)))
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        turns += _with_bridge(_turn(message, f"messages[{index}]", names), turns)
    if not turns:
        raise invalid_param("messages", "must contain a message with content")
    if turns[-1]["role"] == "system":
        return _ended_by_user(turns)
    if turns[-1]["role"] == "assistant" and "tool_calls" not in turns[-1]:
        turns[-1]["prefix"] = True
    return turns


def _ended_by_user(turns: list[Turn]) -> list[Turn]:
    """Return turns that end with a system turn as Mistral accepts them: it becomes a user turn, or one follows if all are."""
    if all(turn["role"] == "system" for turn in turns):
        return [*turns, {"role": "user", "content": FILLER}]
    *before, last = turns
    return [*before, *_with_bridge({**last, "role": "user"}, before)]


def _turn(message: Any, where: str, names: _Names) -> Turn | None:
    return _ROLES[role_of(message, where, _ROLES)](message, where, names)


def _with_bridge(turn: Turn | None, before: list[Turn]) -> list[Turn]:
    """Return the turn, with `BRIDGE` in front if a user turn follows a tool turn, or [] for None."""
    if turn is None:
        return []
    between = bool(before) and before[-1]["role"] == "tool" and turn["role"] == "user"
    return [{"role": "assistant", "content": BRIDGE}, turn] if between else [turn]


def _ids(messages: list[Any]) -> Iterable[str]:
    """Yield all tool call ids in order. Malformed ones are reported when their message is translated."""
    for message in messages:
        if not isinstance(message, dict):
            continue
        calls = message.get("tool_calls")
        call_ids = [call.get("id") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
        yield from (id for id in (*call_ids, message.get("tool_call_id")) if isinstance(id, str))


def _system(message: Mapping[str, Any], where: str, names: _Names) -> Turn:
    return {"role": "system", "content": text_content(message.get("content"), f"{where}.content")}


def _user(message: Mapping[str, Any], where: str, names: _Names) -> Turn:
    return {"role": "user", "content": _content(message.get("content"), f"{where}.content")}


def _assistant(message: Mapping[str, Any], where: str, names: _Names) -> Turn | None:
    """Return the turn, or None if the message is empty, as Mistral rejects it."""
    text = text_content(message.get("content") or message.get("refusal"), f"{where}.content")
    calls = [
        {
            "id": names.ids[call.id],
            "type": "function",
            "function": {"name": names.tools.get(call.name, call.name), "arguments": call.arguments},
        }
        for call in tool_calls_of(message, where)
    ]
    if not calls:
        return {"role": "assistant", "content": text} if text else None
    return {"role": "assistant", "content": text, "tool_calls": calls}


def _tool(message: Mapping[str, Any], where: str, names: _Names) -> Turn:
    id = names.ids[tool_call_id_of(message, where)]
    return {"role": "tool", "tool_call_id": id, "content": _content(message.get("content"), f"{where}.content")}


_ROLES: Mapping[str, Callable[[Mapping[str, Any], str, _Names], Turn | None]] = {
    "system": _system,
    "developer": _system,
    "user": _user,
    "assistant": _assistant,
    "tool": _tool,
}


def _content(content: Any, where: str) -> str | list[dict[str, Any]]:
    """Return a string unchanged, or the parts with only the members that Mistral accepts (no `cache_control`)."""
    if content is None or isinstance(content, str):
        return content or ""
    chunks = []
    for index, part in enumerate(content_parts(content, where)):
        path = f"{where}[{index}]"
        if part["type"] not in _CHUNKS:
            raise invalid_param(path, f"a part of type {part['type']!r} is not supported here")
        chunks.append(_CHUNKS[part["type"]](part, path))
    return chunks


def _text(part: dict[str, Any], where: str) -> dict[str, Any]:
    text = part_text(part)
    if text is None:
        raise invalid_param(f"{where}.{part['type']}", "must be a string")
    return {"type": "text", "text": text}


def _audio(part: dict[str, Any], where: str) -> dict[str, Any]:
    audio = part.get("input_audio")
    if not isinstance(audio, dict) or not isinstance(audio.get("data"), str):
        raise invalid_param(f"{where}.input_audio.data", "must be a string")
    return {"type": "input_audio", "input_audio": audio["data"]}


def _file(part: dict[str, Any], where: str) -> dict[str, Any]:
    file = parse_document(part, where)
    if file.id:
        return {"type": "file", "file_id": file.id}
    if file.is_text:
        return {"type": "text", "text": file.text}
    if file.url and not is_https(file.url):
        raise file.refusal()
    name = {"document_name": file.name} if file.name else {}
    return {"type": "document_url", "document_url": file.url or file.data_url, **name}


_CHUNKS: Mapping[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {
    "text": _text,
    "refusal": _text,
    "image_url": image_part,
    "input_audio": _audio,
    "file": _file,
}
