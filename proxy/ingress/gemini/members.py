"""Reads the objects of a request. Google takes the names of members in camel case and in snake case."""

from __future__ import annotations

from typing import Any

from proxy.dialects.google.spelling import camel_case
from proxy.dialects.hub.content import invalid_param
from proxy.errors import InvalidRequestError

Members = dict[str, Any]


def members_of(value: Any, where: str) -> Members:
    """Return the members of an object by their names in camel case, without those that are null. Raises InvalidRequestError.

    `where` is the path of the object in the request. What is in the members keeps its names.
    """
    if not isinstance(value, dict):
        raise invalid_param(where, "must be an object")
    return {camel_case(name): each for name, each in value.items() if each is not None}


def list_of(value: Any, where: str) -> list[Any]:
    """Return a list, [] for a missing one. Raises InvalidRequestError for anything else."""
    if not isinstance(value or [], list):
        raise invalid_param(where, "must be a list")
    return value or []


def string_of(members: Members, name: str, where: str) -> str:
    """Return a member that must be a string with something in it. Raises InvalidRequestError."""
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise invalid_param(f"{where}.{name}", "must be a string that is not empty")
    return value


def google_only(where: str, what: str) -> InvalidRequestError:
    """Return the error for a feature that only providers of this API have."""
    return InvalidRequestError(f"{where}: {what}", param=where, code="unsupported_feature")
