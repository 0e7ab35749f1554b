"""Keeps the number of cache breakpoints within Anthropic's limit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from proxy.dialects.anthropic.tables import MAX_BREAKPOINTS

_MEMBER = "cache_control"


def limit_breakpoints(request: Mapping[str, Any]) -> None:
    """Remove `cache_control` from all but the last blocks that may have it: each covers what comes before it.

    That of the request itself, by which Anthropic marks the end of the prompt, is one of them.
    """
    blocks = [block for block in _blocks(request) if _MEMBER in block]
    most = MAX_BREAKPOINTS - bool(request.get(_MEMBER))
    for block in blocks[:-most]:
        del block[_MEMBER]


def _blocks(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield everything that may have a breakpoint, in the order of the prompt."""
    yield from request.get("tools") or ()
    yield from request.get("system") or ()
    for turn in request["messages"]:
        yield from _within(turn["content"])


def _within(blocks: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for block in blocks:
        inner = block.get("content")
        yield from _within(inner) if isinstance(inner, list) else ()
        yield block
