"""A request in the hub's format: kept as long as its parsed body, and translated again when it is needed later."""

from __future__ import annotations

import re
from uuid import uuid4

from proxy.errors import InvalidRequestError, ParrotError
from proxy.exchange import Exchange
from proxy.ingress.client_format import AnswerContext, HubRequest
from proxy.routing.native_members import NATIVE_MEMBERS, keep_native_members, without_native_members

_MESSAGE = re.compile(r"messages\[(\d+)\]")


def hub_request(exchange: Exchange) -> HubRequest:
    """Return the request in the hub's format. Only for a client API that is translated to it."""
    if exchange.hub is None:
        translate = exchange.client_format.request_to_hub
        assert translate is not None
        body = exchange.body
        if NATIVE_MEMBERS.isdisjoint(body):
            exchange.keep_hub(translate(body))
        else:
            exchange.keep_hub(keep_native_members(translate(without_native_members(body)), body))
    assert exchange.hub is not None
    return exchange.hub


def with_callers_path(error: ParrotError, hub: HubRequest | None) -> ParrotError:
    """Return an error that names a message of the hub's as one that names the caller's part of the request."""
    found = _MESSAGE.match(error.param or "")
    if hub is None or found is None or int(found[1]) >= len(hub.message_paths):
        return error
    path = hub.message_paths[int(found[1])]
    return InvalidRequestError(error.message.replace(error.param or "", path), param=path, code=error.code)


def answer_context(exchange: Exchange) -> AnswerContext:
    """Return what an answer that is translated from the hub has from its request."""
    facts = exchange.facts
    return AnswerContext(uuid4().hex, int(exchange.runtime.wall()), facts.model, exchange.echo, facts.prompt_tokens)
