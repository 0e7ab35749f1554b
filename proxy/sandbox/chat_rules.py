"""Rules that a simulated provider checks chat requests by, and what rules of several providers look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from proxy.sandbox.contract import SimulatedError

Body = Mapping[str, Any]


class Rule(NamedTuple):
    """A rule of the vendor, and the error for a request that breaks it."""

    is_broken: Callable[[Body], bool]
    param: str
    code: str | None
    message: str
    status: int = 400


def check_rules(body: Body, rules: Iterable[Rule]) -> None:
    """Raise SimulatedError for the first rule that a request breaks."""
    for rule in rules:
        if rule.is_broken(body):
            raise SimulatedError(rule.status, rule.message, param=rule.param, code=rule.code)


def calls_of(body: Body) -> Iterator[Mapping[str, Any]]:
    """Yield the tool calls in the history."""
    for message in body["messages"]:
        yield from message.get("tool_calls") or ()


def tool_names(body: Body) -> Iterator[str]:
    """Yield the names of the tools, and of those called in the history."""
    for holder in [*(body.get("tools") or ()), *calls_of(body)]:
        function = holder.get("function")
        if function:
            yield str(function.get("name"))


def parts_of(body: Body, *roles: str) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of the contents that are lists, of the messages of these roles (default: all)."""
    for message in body["messages"]:
        if isinstance(message.get("content"), list) and (not roles or message["role"] in roles):
            yield from message["content"]


def urls_of(body: Body, *members: str) -> Iterator[str]:
    """Yield the URLs in parts of messages, which are in these members: as they are, or as `url`."""
    for part in parts_of(body):
        for value in (part[member] for member in members if member in part):
            yield str(value.get("url") if isinstance(value, dict) else value)


def has_other_urls(body: Body, members: str, schemes: str) -> bool:
    """Whether a URL in these members begins otherwise. Both are separated by spaces."""
    return not all(url.startswith(tuple(schemes.split())) for url in urls_of(body, *members.split()))


def has_open_calls(body: Body) -> bool:
    """Whether calls are not followed by their results."""
    waiting: set[str] = set()
    for message in body["messages"]:
        if message["role"] == "tool":
            waiting.discard(str(message.get("tool_call_id")))
        elif waiting:
            return True
        else:
            waiting = {str(call.get("id")) for call in message.get("tool_calls") or ()}
    return bool(waiting)


def has_other_members(members: Iterable[str], known: str) -> bool:
    """Whether there are others than the known members, which are separated by spaces."""
    return not set(members) <= set(known.split())


def has_other_tool_members(body: Body) -> bool:
    """Whether a tool has members that OpenAI's do not have."""
    tools = body.get("tools") or ()
    functions = [tool["function"] for tool in tools if "function" in tool]
    return any(has_other_members(tool, "type function custom") for tool in tools) or any(
        has_other_members(function, "name description parameters strict") for function in functions
    )


def has_other_tools(body: Body) -> bool:
    """Whether there is a tool, or a call in the history, that is not a function."""
    return any(holder.get("type", "function") != "function" for holder in [*(body.get("tools") or ()), *calls_of(body)])
