"""Translates a request of the Responses API to the hub. Members that the two have in common keep their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of
from proxy.dialects.hub.content import invalid_param, unsupported_feature
from proxy.dialects.hub.params import drop_warnings
from proxy.ingress.client_format import HubRequest
from proxy.ingress.openai_responses.echo import echoed_members
from proxy.ingress.openai_responses.items import hub_messages
from proxy.ingress.openai_responses.stored import UnknownResponseError, previous_id
from proxy.ingress.openai_responses.tools import check_not_included, hub_tool_choice, hub_tools

_TRANSLATED = frozenset({
    "include", "input", "instructions", "max_output_tokens", "messages", "previous_response_id", "reasoning", "response_format",
    "stream_options", "text", "tool_choice", "tools", "top_logprobs",
})  # fmt: skip
"""Members that are translated one by one, and those of the hub that have another name here."""

_WITHOUT_EFFECT = frozenset({"background_options", "client_metadata", "metadata", "store"})
"""Members that change nothing about the answer. What is stored is stored here, so no provider is asked to."""

_DROPPED: Mapping[str, Any] = {
    "access_programs": None,
    "context_management": [],
    "image": None,
    "max_tool_calls": None,
    "moderation": None,
    "truncation": "disabled",
}
"""Members that the hub has no word for, each with the value that has no effect. Any other is dropped with a warning."""

_OPENAI_ONLY: Mapping[str, str] = {
    "background": "an answer in the background is kept by OpenAI only",
    "conversation": "conversations are kept by OpenAI only",
    "prompt": "stored prompts are kept by OpenAI only",
}
"""Members that mean something which is stored at the provider."""

_LOGPROBS = "message.output_text.logprobs"


def request_to_hub(body: Mapping[str, Any]) -> HubRequest:
    """Return the request as a chat completion. Raises InvalidRequestError, with `param`, for what that cannot express."""
    for name, what in _OPENAI_ONLY.items():
        if body.get(name):
            raise unsupported_feature(name, what)
    if previous := previous_id(body):
        raise UnknownResponseError(previous)
    check_not_included(body.get("include"))
    tools = hub_tools(body.get("tools"))
    messages, paths, warnings = hub_messages(body)
    members = {
        **{name: value for name, value in body.items() if name not in _NOT_COPIED},
        "messages": messages,
        "tools": tools.functions or None,
        "tool_choice": hub_tool_choice(body.get("tool_choice"), tools),
        "max_completion_tokens": body.get("max_output_tokens"),
        "stream_options": {"include_usage": True} if body.get("stream") else None,
        **_text(body.get("text")),
        **_reasoning(body.get("reasoning")),
        **_logprobs(body),
    }
    return HubRequest(
        body={name: value for name, value in members.items() if value is not None},
        warnings=(*drop_warnings(_dropped(body)), *warnings),
        echo=echoed_members(body),
        hosted_tools=tools.hosted,
        message_paths=paths,
    )


_NOT_COPIED = _TRANSLATED | _WITHOUT_EFFECT | _DROPPED.keys() | _OPENAI_ONLY.keys()


def _dropped(body: Mapping[str, Any]) -> list[str]:
    return [name for name, default in _DROPPED.items() if body.get(name) not in (None, default)]


def _text(text: Any) -> dict[str, Any]:
    """Translate the format of the answer and its verbosity."""
    if text is None:
        return {}
    if not isinstance(text, dict):
        raise invalid_param("text", "must be an object")
    shape = text.get("format") or {"type": "text"}
    kind = object_of(shape).get("type")
    if kind not in ("text", "json_object", "json_schema"):
        raise invalid_param("text.format.type", "must be text, json_object or json_schema")
    if kind == "json_schema":
        if not isinstance(shape.get("schema"), dict):
            raise invalid_param("text.format.schema", "must be an object")
        schema = {name: shape[name] for name in ("name", "description", "schema", "strict") if name in shape}
        return {"response_format": {"type": kind, kind: schema}, "verbosity": text.get("verbosity")}
    return {"response_format": {"type": kind} if kind != "text" else None, "verbosity": text.get("verbosity")}


def _reasoning(reasoning: Any) -> dict[str, Any]:
    """Translate the effort. The reasoning's text always comes as its summary, where the model shows it."""
    if reasoning is None:
        return {}
    if not isinstance(reasoning, dict):
        raise invalid_param("reasoning", "must be an object")
    return {"reasoning_effort": reasoning.get("effort")}


def _logprobs(body: Mapping[str, Any]) -> dict[str, Any]:
    count, include = body.get("top_logprobs"), body.get("include")
    if not count and not (isinstance(include, list) and _LOGPROBS in include):
        return {}
    return {"logprobs": True, "top_logprobs": count}
