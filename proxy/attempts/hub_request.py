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
    """Return an error that names a part of the hub's request as one that names the caller's part."""
    param = error.param or ""
    path = None if hub is None else _callers_path(param, hub)
    if path is None:
        return error
    return InvalidRequestError(error.message.replace(param, path), param=path, code=error.code)


def _callers_path(param: str, hub: HubRequest) -> str | None:
    """Return the path of what the part of the hub's request was made of, or None if it has the same in the caller's."""
    found = _MESSAGE.match(param)
    if found is None:
        return hub.names.get(param)
    index = int(found[1])
    return hub.message_paths[index] if index < len(hub.message_paths) else None


def answer_context(exchange: Exchange) -> AnswerContext:
    """Return what an answer that is translated from the hub has from its request."""
    facts = exchange.facts
    return AnswerContext(uuid4().hex, int(exchange.runtime.wall()), facts.model, exchange.echo, facts.prompt_tokens)
