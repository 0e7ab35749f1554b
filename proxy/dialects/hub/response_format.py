"""Reads `response_format`: whether JSON is requested, and its schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.dialects.coerce import object_of

NAME = "response_format"


def format_kind(body: Mapping[str, Any]) -> str:
    """Return `text`, also for none, `json_object` or `json_schema`, or "" for any other."""
    shape = body.get(NAME)
    if shape is None:
        return "text"
    kind = object_of(shape).get("type")
    if kind == "json_schema":
        return kind if isinstance(requested_schema(body), dict) else ""
    return kind if kind in ("text", "json_object") else ""


def requested_schema(body: Mapping[str, Any]) -> Any:
    """Return the schema of `response_format`, or None."""
    return object_of(object_of(body.get(NAME)).get("json_schema")).get("schema")


def has_tools(body: Mapping[str, Any]) -> bool:
    """Whether the model may call tools. Some models produce JSON only without them."""
    return bool(body.get("tools") or body.get("functions"))
