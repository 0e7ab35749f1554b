"""Asks accounts for a response by its id: the one that holds it, or each in turn if this process does not know the id.

That is so after a restart, and for a response that another replica has answered with. To find the account, a request that
goes on from the response is never sent: only `GET /responses/{id}` is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from proxy.attempts.fetch import FetchLimits, fetch
from proxy.attempts.upstream_request import build_upstream_request, with_key
from proxy.config.key_pool import PoolKey
from proxy.config.snapshot import Target
from proxy.dialects import DIALECTS
from proxy.dialects.contract import ProviderRequest
from proxy.errors import ParrotError
from proxy.exchange import Exchange
from proxy.headers import to_downstream, to_upstream
from proxy.messages import Response, UpstreamRequest
from proxy.state.responses import Holder

MAX_ACCOUNTS = 8
"""Accounts that are asked for one id."""
TIMEOUT_S = 10.0
"""Time that each of them has."""


class Account(NamedTuple):
    """Where a response may be held."""

    target: Target
    """A target of it, with its key."""
    holder: Holder


class Question(NamedTuple):
    """What an account is asked about a response."""

    path: str
    method: str = "GET"
    timeout_s: float = TIMEOUT_S


def accounts(targets: Iterable[Target], holder: Holder | None = None) -> Iterator[Account]:
    """Yield the accounts of these targets, each once: all of them, or the one that holds a response."""
    by_account = {(target.provider.name, target.region): target for target in targets}
    for (provider, region), target in by_account.items():
        if holder is None or holder[:2] == (provider, region):
            for key in _keys(target, holder):
                label = key.label if key is not None else None
                yield Account(target if key is None else with_key(target, key), Holder(provider, region, label))


def _keys(target: Target, holder: Holder | None) -> list[PoolKey] | list[None]:
    pool = target.provider.pool
    if pool is None:
        return [None]
    return [key for key in pool.keys if holder is None or key.label == holder.key]


async def find_holder(exchange: Exchange, path: str, targets: Iterable[Target]) -> Holder | None:
    """Return the account of these targets that has what stands at a path, None if none does. Raises as `ask_each`."""
    exchange.begin_upstream_wait(exchange.runtime.clock())
    try:
        found = await ask_each(exchange, Question(path), accounts(targets))
    finally:
        exchange.end_upstream_wait(exchange.runtime.clock())
    return found[0].holder if found is not None else None


async def ask_each(exchange: Exchange, question: Question, asked: Iterable[Account]) -> tuple[Account, Response] | None:
    """Ask one account after the other. Return the first that knows the response, with its answer. None if none does.

    Raises the first failure if an account could not be asked, and no other knows the response.
    """
    failure: ParrotError | None = None
    for account in islice(asked, MAX_ACCOUNTS):
        try:
            answer = await _ask(exchange, question, account.target)
        except ParrotError as error:
            failure = failure or error
        else:
            if answer is not None:
                return account, answer
    if failure is not None:
        raise failure
    return None


async def _ask(exchange: Exchange, question: Question, target: Target) -> Response | None:
    """Return the answer without secrets, None if the response is unknown there. Raises ParrotError for any other."""
    dialect, redactor = DIALECTS[target.provider.dialect], target.provider.redactor
    forwarded = to_upstream(exchange.request.headers, dialect.forwarded_header_prefixes)
    sent = build_upstream_request(target, dialect, ProviderRequest(question.path), forwarded)
    request = UpstreamRequest(sent.url, sent.headers, b"", question.method)
    answer = await fetch(exchange.runtime.transport, request, FetchLimits(question.timeout_s))
    returned = to_downstream(answer.headers, dialect.returned_header_prefixes, dialect.rate_limit_headers)
    if answer.status == 200:
        return Response(200, dict(redactor.redact_headers(returned)), redactor.redact_answer(answer.body))
    if answer.status == 404:
        return None
    raise dialect.translate_error(answer.status, returned, redactor.redact_error(answer.body))
