"""The caller's error where the targets that are left are at a limit of routing.yaml."""

from __future__ import annotations

from collections.abc import Collection
from math import ceil

from proxy.errors import AllProvidersFailedError, LimitReachedError
from proxy.resilience.rate_limits import Shortage


def limit_reached(model: str, shortages: Collection[Shortage]) -> LimitReachedError:
    """Return the error, whose `Retry-After` is the time until the first of the targets may have room."""
    wait_s = _retry_after(shortages)
    listed = ", ".join(dict.fromkeys(f"{each.limit} of {each.holder}" for each in shortages))
    message = (
        f"no target of '{model}' has room within the limits that routing.yaml sets for this sidecar ({listed}); "
        f"retry in {wait_s} s"
    )
    return LimitReachedError(message, headers={"Retry-After": str(wait_s)})


def with_shortages(error: AllProvidersFailedError, shortages: Collection[Shortage]) -> AllProvidersFailedError:
    """Return the error of attempts that were rate limited, which may be sent again once a target at a limit has room."""
    if shortages and error.code == LimitReachedError.code:
        waits = [*map(int, filter(None, [error.headers.get("Retry-After")])), _retry_after(shortages)]
        error.headers = {"Retry-After": str(min(waits))}
    return error


def _retry_after(shortages: Collection[Shortage]) -> int:
    """Return the whole seconds, at least 1, until the first of the targets may have room."""
    return max(1, ceil(min(each.wait_s for each in shortages)))
