"""A request to an OpenAI host: the caller's bytes, but for the members that routing must change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.hub.params import drop_warnings
from proxy.dialects.hub.request_members import parse_members, replace_members
from proxy.dialects.openai.history import has_foreign_members, without_foreign_members
from proxy.dialects.openai.tables import (
    DROPPED_IMAGE_OPTIONS,
    GPT_IMAGE_MODELS,
    IMAGE_OPTION_MAP,
    PATHS,
    REASONING_MODELS,
    USAGE_ON_REQUEST,
)


class _Change(Struct, frozen=True):
    """What becomes of a request's members."""

    set: Mapping[str, Any] = {}
    left_out: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    """Left out, and that is worth a warning."""


_UNCHANGED = _Change()


def build_request(call: CallerRequest) -> ProviderRequest:
    """Top-level members are replaced, every other subtree stays byte for byte what the caller wrote."""
    change = _CHANGES.get(call.endpoint, _nothing)(call)
    changes = {"model": call.model, **_counted(call), **change.set}
    body = replace_members(call.raw, changes, drop=("routing", *change.left_out, *change.lost))
    return ProviderRequest(path=PATHS[call.endpoint], body=body, warnings=drop_warnings(change.lost))


def _counted(call: CallerRequest) -> dict[str, Any]:
    """Usage is always asked for in streams, for the log and the costs; the stage hides it if the caller did not ask."""
    if not call.stream or call.endpoint not in USAGE_ON_REQUEST:
        return {}
    return {"stream_options": {**(call.body.get("stream_options") or {}), "include_usage": True}}


def _nothing(call: CallerRequest) -> _Change:
    return _UNCHANGED


def _chat(call: CallerRequest) -> _Change:
    """The limit under the name that the model takes, and no other provider's members in the history."""
    changes: dict[str, Any] = {}
    if has_foreign_members(call.body.get("messages")):
        changes["messages"] = without_foreign_members(parse_members(call.raw)["messages"])
    if "max_tokens" not in call.body or not REASONING_MODELS.match(call.model):
        return _Change(changes) if changes else _UNCHANGED
    if call.body.get("max_completion_tokens") is None:
        changes["max_completion_tokens"] = call.body["max_tokens"]
    return _Change(changes, left_out=("max_tokens",))


def _images(call: CallerRequest) -> _Change:
    """What was asked of DALL-E in the words of its successors."""
    if not GPT_IMAGE_MODELS.match(call.model):
        return _UNCHANGED
    said = ((name, words.get(str(call.body.get(name)))) for name, words in IMAGE_OPTION_MAP.items())
    asked = [name for name in DROPPED_IMAGE_OPTIONS if name in call.body]
    lost = tuple(name for name in asked if call.body[name] not in DROPPED_IMAGE_OPTIONS[name])
    return _Change({name: word for name, word in said if word is not None}, tuple(asked), lost)


_CHANGES: Mapping[str, Callable[[CallerRequest], _Change]] = {"chat": _chat, "images": _images}
