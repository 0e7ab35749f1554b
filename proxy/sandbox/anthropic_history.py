"""Validation of the messages of a request to Anthropic: roles, blocks, and results of tools in their place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from proxy.sandbox.anthropic_sources import check_source
from proxy.sandbox.contract import SimulatedError

Block = Mapping[str, Any]

# Members of each type of block, from the types of Anthropic's SDK (2.12). Those of hosted tools are not checked.
_MEMBERS: Mapping[str, frozenset[str]] = {
    kind: frozenset(members.split())
    for kind, members in {
        "text": "type text cache_control citations",
        "image": "type source cache_control",
        "document": "type source title context citations cache_control",
        "search_result": "type source title content citations cache_control",
        "thinking": "type thinking signature",
        "redacted_thinking": "type data",
        "tool_use": "type id name input caller cache_control toolset_name",
        "tool_result": "type tool_use_id content is_error cache_control toolset_name",
    }.items()
}
_HOSTED = re.compile(r"[a-z_]+(?:_tool_result|_tool_use)|server_tool_use|container_upload|tool_reference")
_ROLES: Mapping[str, frozenset[str]] = {
    "user": frozenset({"text", "image", "document", "search_result", "tool_result", "container_upload"}),
    "assistant": frozenset({"text", "thinking", "redacted_thinking", "tool_use", "server_tool_use"}),
    "system": frozenset({"text"}),
}
"""Role -> the types of its blocks. Those of hosted tools are the assistant's."""
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]+=*")
_THINKING = ("thinking", "redacted_thinking")


def check_history(messages: list[Any], *, thinks: bool) -> None:
    """Raise SimulatedError for messages that Anthropic rejects. `thinks`: whether thinking is enabled with a budget."""
    if not messages:
        raise SimulatedError(400, "messages: at least one message is required")
    for number, message in enumerate(messages):
        _check_message(message, f"messages.{number}")
    if messages[0]["role"] != "user":
        raise SimulatedError(400, 'messages: first message must use the "user" role')
    turns = _turns(messages)
    for number, (role, blocks) in enumerate(turns):
        previous = turns[number - 1][1] if number else []
        following = turns[number + 1][1] if number + 1 < len(turns) else []
        if role == "user":
            _check_results(blocks, previous, f"messages.{number}")
        elif role == "assistant":
            _check_answered(blocks, following, f"messages.{number}")
    if thinks:
        _check_thinking_first(turns)


def check_text_blocks(content: Any, where: str) -> None:
    """Raise SimulatedError unless the content is a string or a list of texts."""
    for index, block in enumerate(content if isinstance(content, list) else ()):
        if block.get("type") != "text":
            raise SimulatedError(400, f"{where}.{index}.type: Input should be 'text'")
        _check_block(block, f"{where}.{index}")


def marked_blocks(content: Any) -> Iterable[Block]:
    """Yield the blocks with a cache_control, including those in results of tools."""
    for block in content if isinstance(content, list) else ():
        if block.get("cache_control"):
            yield block
        yield from marked_blocks(block.get("content"))


def _check_message(message: Any, where: str) -> None:
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(role, str) or role not in _ROLES:
        raise SimulatedError(400, f"{where}.role: Input should be 'user', 'assistant' or 'system'")
    for name in message:
        if name not in ("role", "content"):
            raise SimulatedError(400, f"{where}.{name}: Extra inputs are not permitted")
    content = message.get("content")
    if not isinstance(content, str | list) or not content:
        raise SimulatedError(400, f"{where}: all messages must have non-empty content")
    for index, block in enumerate(content if isinstance(content, list) else ()):
        _check_kind(block, role, f"{where}.content.{index}")
        _check_block(block, f"{where}.content.{index}")


def _check_kind(block: Any, role: str, where: str) -> None:
    kind = block.get("type") if isinstance(block, dict) else None
    is_hosted = role == "assistant" and isinstance(kind, str) and _HOSTED.fullmatch(kind)
    if kind not in _ROLES[role] and not is_hosted:
        raise SimulatedError(
            400, f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
        )


def _check_block(block: Block, where: str) -> None:
    kind = block["type"]
    for name in block if kind in _MEMBERS else ():
        if name not in _MEMBERS[kind]:
            raise SimulatedError(400, f"{where}.{kind}.{name}: Extra inputs are not permitted")
    if kind == "text" and not str(block.get("text") or "").strip():
        raise SimulatedError(400, f"{where}: text content blocks must contain non-whitespace text")
    if kind == "thinking" and not _SIGNATURE.fullmatch(str(block.get("signature"))):
        raise SimulatedError(400, f"{where}: Invalid `signature` in `thinking` block")
    if kind == "tool_use" and not isinstance(block.get("input"), dict):
        raise SimulatedError(400, f"{where}.tool_use.input: Input should be a valid dictionary")
    if kind in ("image", "document"):
        check_source(block.get("source"), kind, f"{where}.{kind}.source")
    if kind == "tool_result":
        content = block.get("content")
        for index, inner in enumerate(content if isinstance(content, list) else ()):
            _check_block(inner, f"{where}.tool_result.content.{index}")


def _turns(messages: list[Any]) -> list[tuple[str, list[Block]]]:
    """Return the messages as role and blocks, consecutive ones of one role merged, without those of the system."""
    turns: list[tuple[str, list[Block]]] = []
    for message in messages:
        role, content = message["role"], message["content"]
        blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        elif role != "system":
            turns.append((role, list(blocks)))
    return turns


def _check_results(blocks: list[Block], previous: list[Block], where: str) -> None:
    """Check that results of tools come first, and answer calls of the turn before."""
    called = {block.get("id") for block in previous if block["type"] == "tool_use"}
    is_result = [block["type"] == "tool_result" for block in blocks]
    if is_result != sorted(is_result, reverse=True):
        raise SimulatedError(400, f"{where}: `tool_result` blocks must come first in the content")
    for block in blocks:
        if block["type"] == "tool_result" and block.get("tool_use_id") not in called:
            raise SimulatedError(
                400,
                f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {block.get('tool_use_id')}. Each "
                "`tool_result` block must have a corresponding `tool_use` block in the previous message.",
            )


def _check_answered(blocks: list[Block], following: list[Block], where: str) -> None:
    answered = {block.get("tool_use_id") for block in following if block["type"] == "tool_result"}
    open_ids = [
        str(block.get("id")) for block in blocks if block["type"] == "tool_use" and block.get("id") not in answered
    ]
    if open_ids:
        raise SimulatedError(
            400,
            f"{where}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(open_ids)}. "
            "Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        )


def _check_thinking_first(turns: list[tuple[str, list[Block]]]) -> None:
    """Check that the turn whose calls are answered begins with thinking."""
    role, blocks = turns[-2] if len(turns) > 1 else ("", [])
    if role == "assistant" and blocks[0]["type"] not in _THINKING and any(b["type"] == "tool_use" for b in blocks):
        raise SimulatedError(
            400,
            f"messages.{len(turns) - 2}.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{blocks[0]['type']}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block.",
        )
