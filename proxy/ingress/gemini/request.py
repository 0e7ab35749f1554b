"""Translates a request to generate content into the hub's request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from proxy.dialects.coerce import text_of
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.params import drop_warnings
from proxy.ingress.client_format import HubRequest
from proxy.ingress.gemini.generation_config import options, read_config, shows_thoughts, unknown_members
from proxy.ingress.gemini.history import History
from proxy.ingress.gemini.members import Members, google_only, list_of, members_of
from proxy.ingress.gemini.tools import functions, hosted_tools, tool_choice

_COPIED = ("model", "stream", "routing")
_TRANSLATED = frozenset({"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "serviceTier"})
_IGNORED = frozenset({"labels", "store"})
"""Members that can be left out without changing the answer."""
_SERVICE_TIERS: Mapping[str, str] = {"standard": "default", "flex": "flex", "priority": "priority"}


def request_to_hub(body: Mapping[str, Any]) -> HubRequest:
    """Translate a request. Raises InvalidRequestError, with `param`, where it is malformed or only Google could serve it.

    What only changes how Google serves it is left out with a warning.
    """
    given = members_of(body, "the body")
    if "cachedContent" in given:
        raise google_only("cachedContent", "cached contents are kept by Google only")
    config = read_config(given)
    history = _history(given)
    declared = functions(given.get("tools"))
    members = {
        **{name: given.get(name) for name in _COPIED},
        "messages": history.messages,
        "tools": declared or None,
        "tool_choice": tool_choice(given.get("toolConfig"), declared),
        "service_tier": _SERVICE_TIERS.get(text_of(given.get("serviceTier")).lower()),
        **options(config),
    }
    return HubRequest(
        {name: value for name, value in members.items() if value is not None},
        _warnings(given, unknown_members(config), history.dropped),
        {"thoughts": True} if shows_thoughts(config) else {},
        hosted_tools(given.get("tools")),
        tuple(history.paths),
    )


def _history(given: Members) -> History:
    contents = list_of(given.get("contents"), "contents")
    if not contents:
        raise invalid_param("contents", "must be a list of at least one content")
    history = History()
    if "systemInstruction" in given:
        history.add_system(given["systemInstruction"])
    for index, content in enumerate(contents):
        history.add(content, f"contents[{index}]")
    return history


def _warnings(given: Members, options_left: Iterable[str], parts_left: Iterable[str]) -> tuple[str, ...]:
    known = _TRANSLATED | _IGNORED | frozenset(_COPIED)
    dropped = [name for name, value in given.items() if name not in known and value not in ([], {})]
    return (*drop_warnings([*dropped, *options_left]), *drop_warnings(parts_left, "part"))
