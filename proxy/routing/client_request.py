"""Reads a request of any client API for routing: by its own members, or by those of its translation to the hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from proxy.config.snapshot import Snapshot
from proxy.errors import InvalidRequestError
from proxy.ingress import FORMATS
from proxy.ingress.client_format import HubRequest
from proxy.routing.facts import BYTES_PER_TOKEN, Facts, parse_facts
from proxy.routing.native_members import (
    NATIVE_MEMBERS,
    check_native_members,
    keep_native_members,
    native_bytes,
    without_native_members,
)

HUB = "chat"
"""The endpoint of the dialects that takes the hub's format."""
_NO_PARAMS: Mapping[str, Any] = {}
_MAX_NAMES, _MAX_NAME_LENGTH = 20, 64
"""Of what is kept with the decisions for requests of its kind."""


class ClientRequest(Struct, frozen=True):
    """What routing knows of a request's body."""

    facts: Facts
    params: Mapping[str, Any]
    """The members that a target must be able to express, in the hub's format."""
    hub: HubRequest | None = None
    """The request in the hub's format, if that is not its own."""
    failure: InvalidRequestError | None = None
    """Why it has no translation, so that only targets that speak its own format may serve it."""


def with_known_model(facts: Facts, body: Mapping[str, Any], snapshot: Snapshot) -> Facts:
    """Return the facts without a default model that the table does not have, so that any provider's own may serve."""
    is_known = body.get("model") or snapshot.targets(facts.model)
    return facts if is_known else replace(facts, model="")


def read_request(endpoint: str, body: Mapping[str, Any]) -> ClientRequest:
    """Read the body of a request to an endpoint.

    Raises InvalidRequestError for a member that is missing or of the wrong type, ahead of any translation.
    """
    if not NATIVE_MEMBERS.isdisjoint(body):
        return _read_with_native_members(endpoint, body)
    client_format = FORMATS.get(endpoint)
    if client_format is None or (translate := client_format.request_to_hub) is None:
        return ClientRequest(parse_facts(endpoint, body), body)
    try:
        hub = translate(body)
        facts = parse_facts(client_format.hub_endpoint or HUB, hub.body)
    except InvalidRequestError as error:
        feature = (error.param or error.code)[:_MAX_NAME_LENGTH]
        return ClientRequest(replace(parse_facts(endpoint, body), unsupported_feature=feature), _NO_PARAMS, None, error)
    hosted_tools = tuple([name[:_MAX_NAME_LENGTH] for name in hub.hosted_tools[:_MAX_NAMES]])
    facts = replace(facts, endpoint=endpoint, hub_endpoint=client_format.hub_endpoint, hosted_tools=hosted_tools)
    return ClientRequest(facts, hub.body if client_format.hub_endpoint else _NO_PARAMS, hub)


def _read_with_native_members(endpoint: str, body: Mapping[str, Any]) -> ClientRequest:
    """Read the body without its native members. Their text counts as part of the prompt, and the answer may be of any kind."""
    check_native_members(body)
    read = read_request(endpoint, without_native_members(body))
    tokens = read.facts.prompt_tokens + native_bytes(body) // BYTES_PER_TOKEN
    hub = None if read.hub is None else keep_native_members(read.hub, body)
    return replace(read, facts=replace(read.facts, prompt_tokens=tokens, is_plain_text=False), hub=hub)
