"""OpenAI's messages as Cohere's: one system message, at the start; the user speaks, or a tool answers, at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any

from proxy.dialects.hub.content import content_parts, invalid_param, part_text, text_content
from proxy.dialects.hub.history import image_part, role_of, tool_call_id_of, tool_calls_of

Turn = dict[str, Any]


def conversation(messages: Any, names: Mapping[str, str]) -> list[Turn]:
    """The messages, tools under the names given. Raises InvalidRequestError for what Cohere has no place for.

    System messages at the start become one; a later one is the user's, since the system has only the first place."""
    if not isinstance(messages, list):
        raise invalid_param("messages", "must be a list")
    translated = [_turn(message, f"messages[{index}]", names) for index, message in enumerate(messages)]
    turns = [turn for turn in translated if turn is not None]
    lead = list(takewhile(lambda turn: turn["role"] == "system", turns))
    others = turns[len(lead) :]
    if not others:
        raise invalid_param("messages", "must hold a message that says something and is not the system's")
    if others[-1]["role"] == "assistant":
        raise invalid_param(
            "messages", "this provider does not go on with an assistant message: the last must be another's"
        )
    system = [{"role": "system", "content": "\n\n".join(turn["content"] for turn in lead)}] if lead else []
    return system + [turn | {"role": "user"} if turn["role"] == "system" else turn for turn in others]


def _turn(message: Any, where: str, names: Mapping[str, str]) -> Turn | None:
    return _ROLES[role_of(message, where, _ROLES)](message, where, names)


def _system(message: Mapping[str, Any], where: str, names: Mapping[str, str]) -> Turn:
    return {"role": "system", "content": text_content(message.get("content"), f"{where}.content")}


def _user(message: Mapping[str, Any], where: str, names: Mapping[str, str]) -> Turn:
    content = message.get("content")
    if isinstance(content, list):
        content = [
            _part(part, f"{where}.content[{n}]") for n, part in enumerate(content_parts(content, f"{where}.content"))
        ]
        return {"role": "user", "content": content}
    return {"role": "user", "content": text_content(content, f"{where}.content")}


def _part(part: dict[str, Any], where: str) -> dict[str, Any]:
    if part["type"] == "image_url":
        return image_part(part, where)
    said = part_text(part)
    if said is None:
        raise invalid_param(where, f"a part of type {part['type']!r} cannot stand here")
    return {"type": "text", "text": said}


def _assistant(message: Mapping[str, Any], where: str, names: Mapping[str, str]) -> Turn | None:
    """What was said or thought before calling tools is the plan; one that says nothing is left out."""
    said = text_content(message.get("content") or message.get("refusal"), f"{where}.content")
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": names.get(call.name, call.name), "arguments": call.arguments},
        }
        for call in tool_calls_of(message, where)
    ]
    if not calls:
        return {"role": "assistant", "content": said} if said else None
    thought = message.get("reasoning_content")
    plan, content = (thought, said) if isinstance(thought, str) and thought else (said, "")
    turn = {"role": "assistant", "tool_plan": plan, "tool_calls": calls, "content": content}
    return {key: value for key, value in turn.items() if value}


def _tool(message: Mapping[str, Any], where: str, names: Mapping[str, str]) -> Turn:
    content = text_content(message.get("content"), f"{where}.content")
    return {"role": "tool", "tool_call_id": tool_call_id_of(message, where), "content": content}


_ROLES: Mapping[str, Callable[[Mapping[str, Any], str, Mapping[str, str]], Turn | None]] = {
    "system": _system,
    "developer": _system,
    "user": _user,
    "assistant": _assistant,
    "tool": _tool,
}
