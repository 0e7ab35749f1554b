"""Translates embedContent and batchEmbedContents to the hub's request for embeddings, and its answer back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from proxy.dialects.google.embeddings import TASK_TYPES
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.hub.params import drop_warnings
from proxy.ingress.client_format import AnswerContext, HubRequest
from proxy.ingress.gemini.members import Members, google_only, list_of, members_of, string_of

_COPIED = ("model", "routing")
_SIZE = "outputDimensionality"
_KNOWN = frozenset({*_COPIED, "content", "taskType", _SIZE})
_IGNORED = frozenset({"stream"})
_INPUT_TYPES: Mapping[str, str] = {task_type: input_type for input_type, task_type in TASK_TYPES.items()}
_UNSPECIFIED = "TASK_TYPE_UNSPECIFIED"


class _Item(Struct, frozen=True):
    embedding: Raw


class _Usage(Struct, frozen=True):
    prompt_tokens: int


class _HubAnswer(Struct, frozen=True):
    data: list[_Item]
    usage: _Usage


def single_to_hub(body: Mapping[str, Any]) -> HubRequest:
    """Translate a request for one vector. Raises InvalidRequestError for a content that is anything but text."""
    given = members_of(body, "the body")
    return _request(given, given, _text(given, "content"))


def batch_to_hub(body: Mapping[str, Any]) -> HubRequest:
    """Translate a batch, whose requests must have the same options. Raises InvalidRequestError, as above too."""
    given = members_of(body, "the body")
    listed = list_of(given.get("requests"), "requests")
    if not listed:
        raise invalid_param("requests", "must be a list of at least one request")
    requests = [members_of(each, f"requests[{index}]") for index, each in enumerate(listed)]
    options = list(map(_options, requests))
    if any(each != options[0] for each in options):
        raise google_only("requests", "only requests with the same options have a translation")
    texts = [_text(each, f"requests[{index}].content") for index, each in enumerate(requests)]
    return _request(given, requests[0], texts)


def _request(given: Members, options: Members, texts: str | list[str]) -> HubRequest:
    """Return the hub's request with the options of the first request, which is `given` itself if it is not a batch."""
    members = {
        **{name: given.get(name) for name in _COPIED},
        "input": texts,
        "dimensions": options.get(_SIZE),
        "input_type": _input_type(options.get("taskType")),
    }
    dropped = [name for name in options if name not in _KNOWN | _IGNORED]
    names = {"input": "content" if isinstance(texts, str) else "requests", "dimensions": _SIZE}
    body = {name: value for name, value in members.items() if value is not None}
    return HubRequest(body, drop_warnings(dropped), names=names)


def _options(request: Members) -> Members:
    return {name: value for name, value in request.items() if name not in ("content", "model")}


def _input_type(task_type: Any) -> str | None:
    if task_type is None or task_type == _UNSPECIFIED:
        return None
    if not isinstance(task_type, str) or task_type not in _INPUT_TYPES:
        raise invalid_param("taskType", f"must be one of {', '.join(_INPUT_TYPES)}")
    return _INPUT_TYPES[task_type]


def _text(request: Members, where: str) -> str:
    """Return the text of a content: its parts make one vector together."""
    content = members_of(request.get("content"), where)
    parts = list_of(content.get("parts"), f"{where}.parts")
    texts = [_text_of_part(part, f"{where}.parts[{index}]") for index, part in enumerate(parts)]
    if not texts:
        raise invalid_param(f"{where}.parts", "must be a list of at least one part")
    return "\n".join(texts)


def _text_of_part(part: Any, where: str) -> str:
    members = members_of(part, where)
    if "text" not in members:
        raise google_only(where, "only text has a translation")
    return string_of(members, "text", where)


def single_from_hub(body: bytes, context: AnswerContext) -> bytes:
    """Translate an answer with one vector."""
    answer = msgspec.json.decode(body, type=_HubAnswer)
    (item,) = answer.data
    return msgspec.json.encode({"embedding": {"values": item.embedding}, **_usage(answer)})


def batch_from_hub(body: bytes, context: AnswerContext) -> bytes:
    """Translate an answer with any number of vectors."""
    answer = msgspec.json.decode(body, type=_HubAnswer)
    vectors = [{"values": item.embedding} for item in answer.data]
    return msgspec.json.encode({"embeddings": vectors, **_usage(answer)})


def _usage(answer: _HubAnswer) -> dict[str, Any]:
    tokens = answer.usage.prompt_tokens
    return {"usageMetadata": {"promptTokenCount": tokens, "totalTokenCount": tokens}} if tokens else {}
