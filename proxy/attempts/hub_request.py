"""A request in the hub's format: kept as long as its parsed body, and translated again when it is needed later."""

from __future__ import annotations

from uuid import uuid4

from proxy.exchange import Exchange
from proxy.ingress.client_format import AnswerContext, HubRequest
from proxy.routing.native_members import NATIVE_MEMBERS, keep_native_members, without_native_members


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


def answer_context(exchange: Exchange) -> AnswerContext:
    """Return what an answer that is translated from the hub has from its request."""
    facts = exchange.facts
    return AnswerContext(uuid4().hex, int(exchange.runtime.wall()), facts.model, exchange.echo, facts.prompt_tokens)
