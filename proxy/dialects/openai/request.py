"""Builds a request to OpenAI: the caller's bytes, except for the members that must change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from msgspec import Struct

from proxy.dialects.contract import CallerRequest, ProviderRequest
from proxy.dialects.hub import cache_marks
from proxy.dialects.hub.embeddings import check_supported
from proxy.dialects.hub.message_cleaning import cleaned_messages
from proxy.dialects.hub.params import check_essential, drop_warnings
from proxy.dialects.hub.request_members import replace_members
from proxy.dialects.hub.token_limit import clamped_limit, exceeds, limit_warnings, most_tokens
from proxy.dialects.hub.tool_renaming import TOOL_CALLS, changed_names, renamed_members
from proxy.dialects.names import original_names
from proxy.dialects.openai import embeddings
from proxy.dialects.openai.params import effort_change, effort_warnings, unsupported_params
from proxy.dialects.openai.response_items import without_sealed_reasoning
from proxy.dialects.openai.tables import (
    CHECKED_PARAMS,
    CLEANING,
    DROPPED_IMAGE_OPTIONS,
    GPT_IMAGE_MODELS,
    IMAGE_OPTION_MAP,
    MOST_TOKENS,
    PARAMS_OF_REASONING,
    PATHS,
    REASONING_MODELS,
    USAGE_ON_REQUEST,
)


class _Change(Struct, frozen=True):
    """Changes to a request's top-level members."""

    set: Mapping[str, Any] = {}
    drop: tuple[str, ...] = ()
    drop_with_warning: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    tool_names: Mapping[str, str] = {}


_UNCHANGED = _Change()
_NEVER_SENT = ("routing", cache_marks.MEMBER)
_REPLACED = (
    ("max_tokens", "max_completion_tokens"),
    ("max_completion_tokens", "max_tokens"),
    ("reasoning", "reasoning_effort"),
    ("thinking", "reasoning_effort"),
)
"""Members that are removed if another one is set in their place."""


def build_request(request: CallerRequest) -> ProviderRequest:
    """Replace the top-level members that must change. Every other subtree stays byte for byte what the caller wrote."""
    change = _CHANGES[request.endpoint](request) if request.endpoint in _CHANGES else _UNCHANGED
    model = {"model": request.model} if request.model else {}
    changes = {**model, **(_stream_options(request) if request.stream else {}), **change.set}
    body = replace_members(request.raw, changes, drop=(*_NEVER_SENT, *change.drop, *change.drop_with_warning))
    dropped = drop_warnings(change.drop_with_warning) if change.drop_with_warning else ()
    return ProviderRequest(
        path=PATHS[request.endpoint], body=body, warnings=(*dropped, *change.warnings), tool_names=change.tool_names
    )


def _stream_options(request: CallerRequest) -> dict[str, Any]:
    """Request usage in every stream, for the log and the costs. The stream translator hides it from other callers."""
    if request.endpoint not in USAGE_ON_REQUEST or "stream_options" in request.refused:
        return {}
    return {"stream_options": {**(request.body.get("stream_options") or {}), "include_usage": True}}


def _chat_changes(request: CallerRequest) -> _Change:
    """Clean the history, make tool names valid, rename and lower the token limit, and drop what the model's family rejects."""
    names = changed_names(request) if "tools" in request.body or TOOL_CALLS in request.raw else {}
    changes = cleaned_messages(request, CLEANING, names)
    if cache_marks.MARK in request.raw:
        changes |= cache_marks.unmarked_tools(request.body)
    changes |= renamed_members({**request.body, **changes}, names) if names else {}
    model = request.family or request.model
    if not request.refused and (CHECKED_PARAMS.isdisjoint(request.body) or _takes_as_it_is(request.body, model)):
        return _Change(changes, tool_names=original_names(names)) if changes else _UNCHANGED
    unsupported = unsupported_params(request.body, model)
    check_essential(unsupported)
    _, most = _rules(model)
    changes |= _token_limit(request, model, most)
    if effort := effort_change(request.body, model):
        changes["reasoning_effort"] = effort
    replaced = [old for old, new in _REPLACED if new in changes and old in request.body]
    replaced += request.refused & {"stream_options"}
    warnings = limit_warnings(request.body, most) + effort_warnings(request.body, effort)
    return _Change(changes, tuple(replaced), unsupported, warnings, original_names(names))


def _takes_as_it_is(body: Mapping[str, Any], model: str) -> bool:
    """Whether the model takes every parameter, and the limit, as the caller wrote them."""
    checked, most = _rules(model)
    if not checked.isdisjoint(body):
        return False
    return not (exceeds(body.get("max_completion_tokens"), most) or exceeds(body.get("max_tokens"), most))


@lru_cache(maxsize=256)
def _rules(model: str) -> tuple[frozenset[str], int | None]:
    """Return the parameters that the model may not take as they are, and its maximum of output tokens."""
    checked = CHECKED_PARAMS - {"max_completion_tokens"} if REASONING_MODELS.match(model) else PARAMS_OF_REASONING
    return checked, most_tokens(model.removeprefix("ft:"), MOST_TOKENS)


def _token_limit(request: CallerRequest, model: str, most: int | None) -> dict[str, Any]:
    """Return the limit where it changes: under the name that the model accepts, and no more than its maximum."""
    body, limit = request.body, clamped_limit(request.body, most)
    if "max_tokens" in body and ("max_tokens" in request.refused or REASONING_MODELS.match(model)):
        return {"max_completion_tokens": limit}
    if "max_completion_tokens" in body and "max_completion_tokens" in request.refused:
        return {"max_tokens": limit}
    names = [name for name in ("max_completion_tokens", "max_tokens") if exceeds(body.get(name), most)]
    return dict.fromkeys(names, limit)


def _image_changes(request: CallerRequest) -> _Change:
    """Translate DALL-E's options to those of the GPT Image models."""
    if not GPT_IMAGE_MODELS.match(request.family or request.model):
        return _UNCHANGED
    mapped = ((name, values.get(str(request.body.get(name)))) for name, values in IMAGE_OPTION_MAP.items())
    dropped = tuple(name for name in DROPPED_IMAGE_OPTIONS if name in request.body)
    with_effect = tuple(name for name in dropped if request.body[name] not in DROPPED_IMAGE_OPTIONS[name])
    return _Change({name: value for name, value in mapped if value is not None}, dropped, with_effect)


def _embedding_changes(request: CallerRequest) -> _Change:
    """Drop what other providers' APIs have."""
    model = request.family or request.model
    unsupported = embeddings.unsupported_params(request.body, model)
    check_supported(unsupported)
    neutral = embeddings.neutral_params(request.body, model)
    return _Change(drop=neutral, drop_with_warning=unsupported) if unsupported or neutral else _UNCHANGED


def _response_changes(request: CallerRequest) -> _Change:
    changes = without_sealed_reasoning(request)
    return _Change(changes) if changes else _UNCHANGED


_CHANGES: Mapping[str, Callable[[CallerRequest], _Change]] = {
    "chat": _chat_changes,
    "embeddings": _embedding_changes,
    "images": _image_changes,
    "responses": _response_changes,
    "responses_compact": _response_changes,
    "responses_input_tokens": _response_changes,
}
