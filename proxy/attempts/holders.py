"""The account that holds what a request refers to: kept by the id of that, and left alone in the plan."""

from __future__ import annotations

from msgspec.structs import replace

from proxy.config.key_pool import PoolKey
from proxy.errors import NoEligibleProviderError
from proxy.exchange import Attempt, Exchange
from proxy.routing.eligibility import Exclusion
from proxy.state.responses import Holder, KeptResponse

_SHARE = 4
"""What is kept takes at most one part in so many of the memory that requests may hold."""


def keep(exchange: Exchange, id: str, kept: KeptResponse) -> None:
    """Keep what stands under an id, and so whose it is and where it is held."""
    exchange.runtime.responses.put(id, kept, exchange.runtime.clock(), exchange.memory.limit / _SHARE)


def holder_of(attempt: Attempt) -> Holder:
    """Return the account that an attempt was made at."""
    target, key = attempt.step.target, attempt.key
    return Holder(target.provider.name, target.region, key.label if isinstance(key, PoolKey) else None)


def leave_holder(exchange: Exchange, holder: Holder, reason: str, param: str) -> None:
    """Exclude the targets of all other accounts, for that reason. Raises NoEligibleProviderError if none is left."""
    decision = exchange.decision
    steps = [(step, (step.target.provider.name, step.target.region) == holder[:2]) for step in decision.plan]
    others = [Exclusion(step.target.id, step.target.provider.name, reason) for step, is_held in steps if not is_held]
    plan = tuple(step for step, is_held in steps if is_held)
    exchange.decision = replace(decision, plan=plan, excluded=(*decision.excluded, *others))
    if not plan:
        what = reason.removesuffix("_held_elsewhere").replace("_", " ")
        text = f"the {what} is held by '{holder.provider}', which may not serve this request"
        raise NoEligibleProviderError(text, param=param)
