"""Translates OpenAI's messages into Cohere's: one system message at the start, a user or tool message at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any

from proxy.dialects.hub.call_repair import repair_calls
from proxy.dialects.hub.content import content_parts, invalid_param, part_text, text_content
from proxy.dialects.hub.files import parse_file
from proxy.dialects.hub.history import image_part, role_of, tool_call_id_of, tool_calls_of
from proxy.dialects.hub.tool_images import with_images_after_results

Turn = dict[str, Any]

_FILLER: Turn = {"role": "user", "content": "."}
"""The user message of a conversation that has only system messages."""


def translate_messages(messages: Any, provider_names: Mapping[str, str]) -> list[Turn]:
    """Translate messages. `provider_names` maps the caller's tool names to the provider's. Raises InvalidRequestError.

    Leading system messages are joined into one. Cohere allows none later, so later ones become user messages.
    """
    if not isinstance(messages, list):
        raise invalid_param("messages", "must be a list")
    repaired = with_images_after_results(repair_calls(messages))
    translated = [
        _translate_message(message, f"messages[{index}]", provider_names) for index, message in enumerate(repaired)
    ]
    turns = [turn for turn in translated if turn is not None]
    leading_system = list(takewhile(lambda turn: turn["role"] == "system", turns))
    others = turns[len(leading_system) :]
    if not turns:
        raise invalid_param("messages", "must contain a message with content")
    if others and others[-1]["role"] == "assistant":
        raise invalid_param(
            "messages", "this provider does not support prefill: the last message must not be an assistant message"
        )
    system = (
        [{"role": "system", "content": "\n\n".join(turn["content"] for turn in leading_system)}]
        if leading_system
        else []
    )
    return system + [turn | {"role": "user"} if turn["role"] == "system" else turn for turn in others or [_FILLER]]


def _translate_message(message: Any, where: str, provider_names: Mapping[str, str]) -> Turn | None:
    return _ROLES[role_of(message, where, _ROLES)](message, where, provider_names)


def _system(message: Mapping[str, Any], where: str, provider_names: Mapping[str, str]) -> Turn:
    return {"role": "system", "content": text_content(message.get("content"), f"{where}.content")}


def _user(message: Mapping[str, Any], where: str, provider_names: Mapping[str, str]) -> Turn:
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
    text = _text_of_file(part, where) if part["type"] == "file" else part_text(part)
    if text is None:
        raise invalid_param(where, f"parts of type {part['type']!r} are not allowed here")
    return {"type": "text", "text": text}


def _text_of_file(part: dict[str, Any], where: str) -> str:
    file = parse_file(part, where)
    if not file.is_text:
        raise file.refusal()
    return file.text


def _assistant(message: Mapping[str, Any], where: str, provider_names: Mapping[str, str]) -> Turn | None:
    """Translate an assistant message. With tool calls, its reasoning or else its text is the `tool_plan`.

    Returns None for a message without content.
    """
    text = text_content(message.get("content") or message.get("refusal"), f"{where}.content")
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": provider_names.get(call.name, call.name), "arguments": call.arguments},
        }
        for call in tool_calls_of(message, where)
    ]
    if not calls:
        return {"role": "assistant", "content": text} if text else None
    reasoning = message.get("reasoning_content")
    plan, content = (reasoning, text) if isinstance(reasoning, str) and reasoning else (text, "")
    turn = {"role": "assistant", "tool_plan": plan, "tool_calls": calls, "content": content}
    return {key: value for key, value in turn.items() if value}


def _tool(message: Mapping[str, Any], where: str, provider_names: Mapping[str, str]) -> Turn:
    content = text_content(message.get("content"), f"{where}.content")
    return {"role": "tool", "tool_call_id": tool_call_id_of(message, where), "content": content}


_ROLES: Mapping[str, Callable[[Mapping[str, Any], str, Mapping[str, str]], Turn | None]] = {
    "system": _system,
    "developer": _system,
    "user": _user,
    "assistant": _assistant,
    "tool": _tool,
}
