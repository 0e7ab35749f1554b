"""OpenAI's messages as Mistral's: the same roles, with only the members Mistral knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.dialects.hub.content import content_parts, invalid_param, part_text, text_content
from proxy.dialects.hub.history import image_part, role_of, tool_call_id_of, tool_calls_of
from proxy.dialects.mistral.ids import sanitize_ids
from proxy.dialects.mistral.tables import BRIDGE

Turn = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Told:
    """What things are called in this request."""

    names: Mapping[str, str]
    ids: Mapping[str, str]


def translate_messages(messages: Any, names: Mapping[str, str]) -> list[Turn]:
    """The messages, tools under the names given. Raises InvalidRequestError for what Mistral has no place for."""
    if not isinstance(messages, list):
        raise invalid_param("messages", "must be a list")
    told = _Told(names, sanitize_ids(_ids(messages)))
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        turns += _bridged(_turn(message, f"messages[{index}]", told), turns)
    if all(turn["role"] == "system" for turn in turns):
        raise invalid_param("messages", "must hold a message that says something and is not the system's")
    if turns[-1]["role"] == "assistant" and "tool_calls" not in turns[-1]:
        turns[-1]["prefix"] = True
    return turns


def _turn(message: Any, where: str, told: _Told) -> Turn | None:
    return _ROLES[role_of(message, where, _ROLES)](message, where, told)


def _bridged(turn: Turn | None, before: list[Turn]) -> list[Turn]:
    if turn is None:
        return []
    between = bool(before) and before[-1]["role"] == "tool" and turn["role"] == "user"
    return [{"role": "assistant", "content": BRIDGE}, turn] if between else [turn]


def _ids(messages: list[Any]) -> Iterable[str]:
    """All ids in the order of the conversation; what is not well formed is named when its message is read."""
    for message in messages:
        if not isinstance(message, dict):
            continue
        calls = message.get("tool_calls")
        holders = [call.get("id") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
        yield from (id for id in (*holders, message.get("tool_call_id")) if isinstance(id, str))


def _system(message: Mapping[str, Any], where: str, told: _Told) -> Turn:
    return {"role": "system", "content": text_content(message.get("content"), f"{where}.content")}


def _user(message: Mapping[str, Any], where: str, told: _Told) -> Turn:
    return {"role": "user", "content": _content(message.get("content"), f"{where}.content")}


def _assistant(message: Mapping[str, Any], where: str, told: _Told) -> Turn | None:
    """One that says nothing is left out: Mistral refuses it."""
    said = text_content(message.get("content") or message.get("refusal"), f"{where}.content")
    calls = [
        {
            "id": told.ids[call.id],
            "type": "function",
            "function": {"name": told.names.get(call.name, call.name), "arguments": call.arguments},
        }
        for call in tool_calls_of(message, where)
    ]
    if not calls:
        return {"role": "assistant", "content": said} if said else None
    return {"role": "assistant", "content": said, "tool_calls": calls}


def _tool(message: Mapping[str, Any], where: str, told: _Told) -> Turn:
    id = told.ids[tool_call_id_of(message, where)]
    return {"role": "tool", "tool_call_id": id, "content": _content(message.get("content"), f"{where}.content")}


_ROLES: Mapping[str, Callable[[Mapping[str, Any], str, _Told], Turn | None]] = {
    "system": _system,
    "developer": _system,
    "user": _user,
    "assistant": _assistant,
    "tool": _tool,
}


def _content(content: Any, where: str) -> str | list[dict[str, Any]]:
    """A string stays one; of parts only what Mistral knows is written, without `cache_control` and the like."""
    if content is None or isinstance(content, str):
        return content or ""
    chunks = []
    for index, part in enumerate(content_parts(content, where)):
        path = f"{where}[{index}]"
        if part["type"] not in _CHUNKS:
            raise invalid_param(path, f"a part of type {part['type']!r} cannot stand here")
        chunks.append(_CHUNKS[part["type"]](part, path))
    return chunks


def _text(part: dict[str, Any], where: str) -> dict[str, Any]:
    said = part_text(part)
    if said is None:
        raise invalid_param(f"{where}.{part['type']}", "must be a string")
    return {"type": "text", "text": said}


def _audio(part: dict[str, Any], where: str) -> dict[str, Any]:
    audio = part.get("input_audio")
    if not isinstance(audio, dict) or not isinstance(audio.get("data"), str):
        raise invalid_param(f"{where}.input_audio.data", "must be a string")
    return {"type": "input_audio", "input_audio": audio["data"]}


_CHUNKS: Mapping[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {
    "text": _text,
    "refusal": _text,
    "image_url": image_part,
    "input_audio": _audio,
}
