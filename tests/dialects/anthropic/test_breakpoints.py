"""A request has no more cache breakpoints than the API accepts: the last ones, which cover the most."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.anthropic.breakpoints import limit_breakpoints

MARK: dict[str, Any] = {"cache_control": {"type": "ephemeral"}}


def marked(request: dict[str, Any]) -> str:
    """Return the names of the blocks that have a breakpoint."""
    turn = request["messages"][0]["content"]
    blocks = [*request["tools"], *request["system"], *turn[0]["content"], *turn]
    return "".join(block["name"] for block in blocks if "cache_control" in block)


@pytest.mark.parametrize(
    "names, kept", [("", ""), ("abcd", "abcd"), ("abcde", "bcde"), ("abcdef", "cdef"), ("adf", "adf")]
)
def test_the_last_breakpoints_stay(names: str, kept: str) -> None:
    a, b, c, d, e, f = ({"name": name, **(MARK if name in names else {})} for name in "abcdef")
    results = {**e, "content": [c, d]}
    request = {"tools": [a], "system": [b], "messages": [{"role": "user", "content": [results, f]}]}
    limit_breakpoints(request)
    assert marked(request) == kept


def test_a_request_without_tools_and_system_is_read_too() -> None:
    request = {"system": None, "messages": [{"role": "user", "content": [{"type": "text", **MARK} for _ in range(6)]}]}
    limit_breakpoints(request)
    assert sum("cache_control" in block for block in request["messages"][0]["content"]) == 4
