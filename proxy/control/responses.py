"""`/v1/responses/{id}` and what is below it: from what is kept here, or from the account that holds the response."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from itertools import chain
from urllib.parse import parse_qsl, quote, urlencode

import orjson

from proxy.attempts.response_lookup import Account, Question, accounts, ask_each
from proxy.config.snapshot import ANY_MODEL, Target
from proxy.errors import InvalidRequestError, NotFoundError, ParrotError
from proxy.exchange import Exchange
from proxy.ingress.openai_responses.stored import as_list, output_items
from proxy.messages import Response
from proxy.routing.eligibility import static_exclusion
from proxy.routing.facts import Facts
from proxy.routing.policy_levels import policy_for
from proxy.routing.routing_request import RoutingRequest
from proxy.state.responses import KeptResponse

PATH = "/v1/responses/"
_ENDPOINT = "responses"
_OPERATION = re.compile(re.escape(PATH) + r"(?P<id>[A-Za-z0-9_-]{1,128})(?P<operation>/cancel|/input_items)?")
_HOLDER_TIMEOUT_S = 60.0
"""Time for the answer of the account that is known to hold a response."""
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
    passed = [(name, value) for name, value in parse_qsl(query) if name in _PASSED]
    below = f"/responses/{quote(id)}{found['operation'] or ''}" + (f"?{urlencode(passed)}" if passed else "")
    if response is not None:
        held = accounts(_all_targets(exchange), response.holder)
        return _ask(exchange, id, Question(below, exchange.request.method, _HOLDER_TIMEOUT_S), held)
    return _ask(exchange, id, Question(below, exchange.request.method), accounts(_eligible(exchange)))


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


async def _ask(exchange: Exchange, id: str, question: Question, asked: Iterable[Account]) -> Response:
    """Return the answer of the account that knows the response."""
    found = await ask_each(exchange, question, asked)
    if found is None:
        raise _not_found(id)
    if question.method == "DELETE":
        exchange.runtime.responses.delete(id)
    return found[1]


def _all_targets(exchange: Exchange) -> Iterator[Target]:
    """Yield a target of each provider and region that is in use."""
    targets = chain.from_iterable(exchange.snapshot.defaults_by_provider.values())
    return (target for target in targets if not target.provider.disabled_reason)


def _eligible(exchange: Exchange) -> Iterator[Target]:
    """Yield a target of each account that the caller may use and that may hold responses."""
    snapshot = exchange.snapshot
    policy = policy_for("", exchange.control_headers, snapshot, key=exchange.identity.policy)
    request = RoutingRequest(Facts(_ENDPOINT, ANY_MODEL), policy, snapshot.default_strategy, exchange.id)
    return (target for target in _all_targets(exchange) if static_exclusion(target, request) is None)


def _not_found(id: str) -> ParrotError:
    return NotFoundError(f"Response with id '{id}' not found.")
