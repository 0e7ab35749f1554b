"""`/v1/responses/{id}` and what is below it: from what is kept here, or from the account that holds the response."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, quote, urlencode

import orjson

from proxy.config.key_pool import PoolKey
from proxy.config.snapshot import Snapshot, Target
from proxy.dialects import DIALECTS
from proxy.dialects.contract import ProviderRequest
from proxy.errors import InvalidRequestError, NotFoundError, ParrotError
from proxy.exchange import Exchange
from proxy.headers import to_downstream, to_upstream
from proxy.ingress.openai_responses.stored import as_list, output_items
from proxy.messages import Response, UpstreamRequest
from proxy.state.responses import Holder, KeptResponse
from proxy.upstream.fetch import fetch
from proxy.upstream.request import build_upstream_request, with_key

PATH = "/v1/responses/"
_ENDPOINT = "responses"
_OPERATION = re.compile(re.escape(PATH) + r"(?P<id>[A-Za-z0-9_-]{1,128})(?P<operation>/cancel|/input_items)?")
_PASSED = frozenset({"after", "before", "include", "include[]", "limit", "order"})
"""Parameters of the query that a provider gets. A key may be among the others."""


def respond(exchange: Exchange) -> Response | Awaitable[Response]:
    """Answer a request for one response. Raises NotFoundError for an unknown one, and for another caller's."""
    path, _, query = exchange.request.path.partition("?")
    found = _OPERATION.fullmatch(path)
    method = "GET" if exchange.request.method == "HEAD" else exchange.request.method
    if found is None or (method, found["operation"] or "") not in _HERE:
        raise NotFoundError(f"unknown path {exchange.request.method} {path[:256]}")
    id, kept, caller = found["id"], exchange.runtime.responses, exchange.identity.name
    response = kept.get(id, caller, exchange.runtime.clock())
    if response is not None and response.holder is None:
        return _HERE[method, found["operation"] or ""](exchange, id, response)
    if kept.belongs_to_another(id, caller):
        raise _not_found(id)
    accounts = _accounts(exchange.snapshot, response.holder if response is not None else None)
    passed = [(name, value) for name, value in parse_qsl(query) if name in _PASSED]
    below = f"/responses/{quote(id)}{found['operation'] or ''}" + (f"?{urlencode(passed)}" if passed else "")
    return _ask(exchange, ProviderRequest(below), accounts, id)


def _get(exchange: Exchange, id: str, response: KeptResponse) -> Response:
    return Response(200, {}, response.body)


def _delete(exchange: Exchange, id: str, response: KeptResponse) -> Response:
    exchange.runtime.responses.delete(id)
    return Response(200, {}, orjson.dumps({"id": id, "object": "response", "deleted": True}))


def _cancel(exchange: Exchange, id: str, response: KeptResponse) -> Response:
    raise InvalidRequestError("Cannot cancel a synchronous response.")


def _input_items(exchange: Exchange, id: str, response: KeptResponse) -> Response:
    caller, now = exchange.identity.name, exchange.runtime.clock()
    conversation = exchange.runtime.responses.conversation(id, caller, now) or [response]
    earlier = [part for each in conversation[:-1] for part in (each.input, output_items(each.body))]
    return Response(200, {}, as_list([*earlier, response.input], id.removeprefix("resp_")))


_HERE: Mapping[tuple[str, str], Callable[[Exchange, str, KeptResponse], Response]] = {
    ("GET", ""): _get,
    ("DELETE", ""): _delete,
    ("POST", "/cancel"): _cancel,
    ("GET", "/input_items"): _input_items,
}
"""Method and what follows the id -> what answers for a response that is kept here."""


async def _ask(exchange: Exchange, request: ProviderRequest, accounts: Iterable[Target], id: str) -> Response:
    """Return the answer of the first account that knows the response."""
    for target in accounts:
        dialect, runtime = DIALECTS[target.provider.dialect], exchange.runtime
        forwarded = to_upstream(exchange.request.headers, dialect.forwarded_header_prefixes)
        without_path = replace(target, provider=replace(target.provider, path=None))  # `path` is that of chat requests
        sent = build_upstream_request(without_path, dialect, request, forwarded)
        answer = await fetch(runtime.transport, UpstreamRequest(sent.url, sent.headers, b"", exchange.request.method))
        redactor = target.provider.redactor
        returned = to_downstream(answer.headers, dialect.returned_header_prefixes, dialect.rate_limit_headers)
        if answer.status == 200:
            if exchange.request.method == "DELETE":
                runtime.responses.delete(id)
            return Response(200, dict(redactor.redact_headers(returned)), redactor.redact_answer(answer.body))
        if answer.status != 404:
            raise dialect.translate_error(answer.status, returned, redactor.redact_error(answer.body))
    raise _not_found(id)


def _accounts(snapshot: Snapshot, holder: Holder | None) -> Iterable[Target]:
    """Yield a target of each account that may hold the response, with its key."""
    for targets in snapshot.defaults_by_provider.values():
        for target in targets:
            provider = target.provider
            if provider.disabled_reason or _ENDPOINT not in DIALECTS[provider.dialect].paths:
                continue
            if holder is None or holder[:2] == (provider.name, target.region):
                yield from (target if key is None else with_key(target, key) for key in _keys(target, holder))


def _keys(target: Target, holder: Holder | None) -> list[PoolKey] | list[None]:
    pool = target.provider.pool
    if pool is None:
        return [None]
    return [key for key in pool.keys if holder is None or key.label == holder.key]


def _not_found(id: str) -> ParrotError:
    return NotFoundError(f"Response with id '{id}' not found.")
