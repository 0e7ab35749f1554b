"""Files, batches and uploads stay with the account that made them: their ids lead requests there.

Which account has which id is learnt from answers, and kept in this process as ids of responses are. The account of an id
that is not known here is found as theirs is.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from proxy.attempts.holders import holder_of, keep, leave_holder
from proxy.attempts.passed_form import allow_one_attempt
from proxy.attempts.response_lookup import accounts, find_holder
from proxy.dialects.coerce import object_of, text_of
from proxy.dialects.hub.content import invalid_param
from proxy.dialects.lenient_json import parse_or_none
from proxy.errors import NotFoundError
from proxy.exchange import Exchange
from proxy.ingress.resources import FILE_OF_BATCH, Resource
from proxy.messages import Response
from proxy.state.responses import Continuation, KeptResponse

HELD_ELSEWHERE = "resource_held_elsewhere"
"""Why a target is excluded that is not of the account."""
_FILES_OF_BATCH = ("output_file_id", "error_file_id")
_READABLE = frozenset({"batches", "files"})
"""Kinds of which an account can be asked for one."""


def resolve_resource(exchange: Exchange, resource: Resource) -> None:
    """Find the account of what the request refers to. One that is not known here is left to `find_unknown_resource`.

    Raises NotFoundError for another caller's.
    """
    continuation = exchange.continuation = Continuation()
    if exchange.request.method != "GET":
        allow_one_attempt(exchange)  # a second one could do the same twice
    _, id = _reference(exchange, resource)
    if not id:
        return
    kept, caller = exchange.runtime.responses, exchange.identity.name
    if kept.belongs_to_another(id, caller):
        raise _not_found(id)
    known = kept.get(id, caller, exchange.runtime.clock())
    if known is not None and known.holder is not None:
        continuation.holder = known.holder
    else:
        continuation.unknown = id


def _reference(exchange: Exchange, resource: Resource) -> tuple[str, str]:
    """Return the kind and the id of what the request refers to. The id is empty if it refers to nothing."""
    if resource.id:
        return resource.kind, resource.id
    file = exchange.body.get(FILE_OF_BATCH) if resource.kind == "batches" else None
    if file is not None and not isinstance(file, str):
        raise invalid_param(FILE_OF_BATCH, "must be a string")
    return "files", file or ""


def place_resource(exchange: Exchange) -> None:
    """Leave one account in the plan: that which holds what the request refers to, otherwise the first of the file.

    All accounts stay in it where several could hold that. Raises NoEligibleProviderError.
    """
    continuation, decision = exchange.continuation, exchange.decision
    assert continuation is not None
    order = {name: at for at, name in enumerate(exchange.snapshot.providers)}
    if not (exchange.policy.provider_preference or exchange.policy.provider_fallbacks):
        plan = tuple(sorted(decision.plan, key=lambda step: order[step.target.provider.name]))
        exchange.decision = decision = replace(decision, plan=plan, pick=None)
    if continuation.unknown and len(found := list(accounts(step.target for step in decision.plan))) == 1:
        continuation.unknown, continuation.holder = "", found[0].holder
    if continuation.holder is not None:
        leave_holder(exchange, continuation.holder, HELD_ELSEWHERE, "id")
    if not continuation.unknown:
        exchange.decision = replace(exchange.decision, plan=exchange.decision.plan[:1])


async def find_unknown_resource(exchange: Exchange, resource: Resource) -> None:
    """Ask the accounts of the plan for what the request refers to, and leave the one that has it.

    Raises NotFoundError if none does, and what `response_lookup.ask_each` raises.
    """
    continuation = exchange.continuation
    assert continuation is not None
    kind, id = _reference(exchange, resource)
    targets = [step.target for step in exchange.decision.plan]
    holder = await find_holder(exchange, f"/{kind}/{id}", targets) if kind in _READABLE else None
    if holder is None:
        raise _not_found(id)
    continuation.holder, continuation.unknown = holder, ""
    if exchange.identity.name is None:  # with client keys it is not known whose it is
        keep(exchange, id, KeptResponse(None, holder))
    place_resource(exchange)


def keep_resource(exchange: Exchange, resource: Resource, response: Response) -> None:
    """Keep the account of what was answered with, or forget what was deleted."""
    if exchange.request.method == "DELETE":
        exchange.runtime.responses.delete(resource.id)
    elif response.body is not None and exchange.winning_attempt is not None:
        kept = KeptResponse(exchange.identity.name, holder_of(exchange.winning_attempt))
        for id in _ids(object_of(parse_or_none(response.body))):
            keep(exchange, id, kept)


def _ids(answer: dict[str, Any]) -> list[str]:
    """Return the id of what an answer describes, and of the files that it has made. A list of several has none."""
    file = object_of(answer.get("file"))  # of an upload that is complete
    found = [answer.get("id"), file.get("id"), *(answer.get(name) for name in _FILES_OF_BATCH)]
    return [id for id in map(text_of, found) if id]


def _not_found(id: str) -> NotFoundError:
    return NotFoundError(f"No such object: {id[:128]}", param="id")
