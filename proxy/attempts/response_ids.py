"""Ids of responses: a request that goes on from one is served where it is held, and what a caller may go on from is kept.

Only for client APIs with `ClientFormat.has_response_ids`. The routing middleware calls this.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from proxy.attempts.holders import holder_of, keep, leave_holder
from proxy.attempts.response_lookup import find_holder
from proxy.dialects.hub.content import invalid_param
from proxy.exchange import Exchange
from proxy.ingress import FORMATS
from proxy.ingress.openai_responses.stored import (
    PREVIOUS,
    UnknownResponseError,
    final_response,
    input_items,
    item_ids,
    items_by_id,
    output_items,
    previous_id,
    referenced_ids,
    response_id,
    response_of_item,
    with_history,
    with_items,
)
from proxy.messages import Response
from proxy.routing.native import is_native
from proxy.state.responses import Continuation, KeptResponse

ENDPOINTS_WITH_IDS = frozenset(name for name, each in FORMATS.items() if each.has_response_ids)
HELD_ELSEWHERE = "previous_response_held_elsewhere"
"""Why a target that does not hold the previous response is excluded."""


def resolve_previous(exchange: Exchange) -> None:
    """Find the response that the request goes on from. If it is kept here, the body becomes the whole conversation.

    One that is not known here is left to `find_unknown`. Raises UnknownResponseError for another caller's, and
    OverloadedError.
    """
    continuation = exchange.continuation = Continuation(is_kept=exchange.body.get("store") is not False)
    _resolve_references(exchange, continuation)
    if not (id := previous_id(exchange.body)):
        return
    kept, caller, now = exchange.runtime.responses, exchange.identity.name, exchange.runtime.clock()
    if kept.belongs_to_another(id, caller):
        raise UnknownResponseError(id)
    response = kept.get(id, caller, now)
    if response is None:
        continuation.unknown = id
    elif response.holder is not None:
        continuation.holder = response.holder
    else:
        if (conversation := kept.conversation(id, caller, now)) is None:
            raise UnknownResponseError(id)
        continuation.previous = id
        _keep_input(exchange, continuation)
        history = [part for each in conversation for part in (each.input, output_items(each.body))]
        _replace_body(exchange, with_history(exchange.raw, history))


def _keep_input(exchange: Exchange, continuation: Continuation) -> None:
    """Keep the request's own input for a request that goes on from its response. Raises OverloadedError."""
    if continuation.is_kept:
        continuation.input = input_items(exchange.raw)
        exchange.memory.hold(len(continuation.input))


def _resolve_references(exchange: Exchange, continuation: Continuation) -> None:
    """Put the items in place to which the input refers, as far as they are kept here. Others are at their account.

    Raises InvalidRequestError for an item that would stand there twice, and OverloadedError.
    """
    kept, caller, now = exchange.runtime.responses, exchange.identity.name, exchange.runtime.clock()
    found: dict[str, bytes] = {}
    outputs: dict[str, Mapping[str, bytes]] = {}
    for id in referenced_ids(exchange.body):
        if (item := kept.get(id, caller, now)) is not None:
            continuation.holder = continuation.holder or item.holder
            continue
        owner = response_of_item(id)
        if owner not in outputs:
            response = kept.get(owner, caller, now)
            outputs[owner] = items_by_id(response.body) if response is not None else {}
        if (content := outputs[owner].get(id)) is None:
            continue
        if id in found:
            raise invalid_param("input", f"refers twice to the item {id!r}")
        found[id] = content
    if found:
        _replace_body(exchange, with_items(exchange.raw, found))


def _replace_body(exchange: Exchange, raw: bytes) -> None:
    """Go on with another body, which is parsed and translated anew. Raises OverloadedError."""
    exchange.forget_members()
    if (more := len(raw) - exchange.body_bytes) > 0:
        exchange.memory.hold(more)
        exchange.body_bytes += more
    exchange.raw = raw


async def find_unknown(exchange: Exchange) -> None:
    """Ask the accounts of the plan for a response that is not known here, and leave the one that holds it.

    Raises UnknownResponseError if none does, and what `response_lookup.ask_each` raises.
    """
    continuation = exchange.continuation
    assert continuation is not None
    id = continuation.unknown
    holder = await find_holder(
        exchange, f"/responses/{quote(id, safe='')}", [step.target for step in exchange.decision.plan]
    )
    if holder is None:
        raise UnknownResponseError(id)
    continuation.holder = holder
    if exchange.identity.name is None:  # with client keys it is not known whose it is
        keep(exchange, id, KeptResponse(None, holder))
    apply_decision(exchange)


def apply_decision(exchange: Exchange) -> None:
    """Leave no other targets in the plan than those of the account that holds the previous response.

    Raises NoEligibleProviderError if there is none, and OverloadedError.
    """
    continuation = exchange.continuation
    assert continuation is not None
    if continuation.previous is not None:
        exchange.echo = {**exchange.echo, PREVIOUS: continuation.previous}
    if (holder := continuation.holder) is not None:
        leave_holder(exchange, holder, HELD_ELSEWHERE, PREVIOUS)
    if all(is_native(step.target.provider, exchange.facts) for step in exchange.decision.plan):
        exchange.memory.release(len(continuation.input))
        continuation.input = b""  # the provider keeps it
    elif continuation.previous is None:
        _keep_input(exchange, continuation)


def keep_response(exchange: Exchange, response: Response) -> None:
    """Keep an answer, unless the caller forbids it: at once, or when its stream is complete."""
    assert exchange.continuation is not None
    if not exchange.continuation.is_kept:
        return
    if response.body is not None:
        _keep(exchange, response.body)
    else:
        response.transforms.append(_KeepStream(exchange))


class _KeepStream:
    """Passes a stream unchanged, and keeps the response in its last event."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def feed(self, data: bytes) -> bytes:
        if (response := final_response(data)) is not None:
            _keep(self._exchange, response)
        return data

    def end(self) -> bytes:
        return b""


def _keep(exchange: Exchange, body: bytes) -> None:
    attempt, continuation = exchange.winning_attempt, exchange.continuation
    if attempt is None or continuation is None or not (id := response_id(body)):
        return
    caller = exchange.identity.name
    if attempt.is_translated:
        kept = KeptResponse(caller, None, body, continuation.input, continuation.previous)
    else:
        kept = KeptResponse(caller, holder_of(attempt))
    for name in (id, *(item_ids(body) if kept.holder is not None else ())):
        keep(exchange, name, kept)
