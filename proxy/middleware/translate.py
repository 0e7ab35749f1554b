"""Puts one attempt into its target's format, and the answer back into OpenAI's."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.dialects import DIALECTS
from proxy.dialects.contract import Asking, Call, Reading
from proxy.exchange import Attempt, Exchange, Handler
from proxy.messages import Response, Staged
from proxy.routing.facts import Facts


@dataclass(frozen=True, slots=True)
class Translate:
    """Where both sides speak the same dialect, what passes is not written anew."""

    async def __call__(self, attempt: Attempt, handler: Handler[Attempt]) -> Response:
        exchange, target = attempt.exchange, attempt.step.target
        dialect = DIALECTS[target.provider.dialect]
        call = Call(exchange.endpoint, exchange.body, exchange.raw, target.model, exchange.facts.stream)
        attempt.asking = dialect.ask(call)
        response = await handler(attempt)
        exchange.warnings.extend(attempt.asking.warnings)
        reading = _reading(attempt, exchange, exchange.facts, attempt.asking)
        if isinstance(response.body, bytes):
            response.body = dialect.answer(response.body, reading)
        else:
            response.body = Staged(response.body, dialect.stream(reading))
        return response


def _reading(attempt: Attempt, exchange: Exchange, facts: Facts, asking: Asking) -> Reading:
    return Reading(
        provider=attempt.step.target.provider.name,
        model=attempt.step.target.model,
        id=f"chatcmpl-{exchange.id}",
        created=int(exchange.services.wall()),
        show_usage=facts.show_usage,
        names=asking.names,
        answer=attempt.answer,
    )
