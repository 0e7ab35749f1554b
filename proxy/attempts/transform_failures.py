"""Turns an exception in a transform into a failure of its attempt, and logs it."""

from __future__ import annotations

from traceback import format_tb

from proxy.dialects import contract
from proxy.errors import InvalidRequestError, ParrotError
from proxy.exchange import Attempt
from proxy.internal_error import internal_error
from proxy.sse import EventTooLargeError


def response_failure(attempt: Attempt, transform: str, error: Exception) -> ParrotError:
    """Return the failure for an exception in the translation of a response, a malformed response. Log unexpected exceptions."""
    if not isinstance(error, (ParrotError, EventTooLargeError)):
        _log(attempt, transform, error)
    return contract.error_from_exception(error)


def request_failure(attempt: Attempt, transform: str, error: Exception) -> ParrotError:
    """Return the error for an exception in the translation of a request, which excludes the target. Log unexpected exceptions."""
    if isinstance(error, ParrotError):
        return error
    _log(attempt, transform, error)
    return InvalidRequestError(f"the request cannot be translated for {attempt.step.target.provider.name}")


def unexpected_failure(attempt: Attempt, error: Exception) -> ParrotError:
    """Return the failure for an exception outside of any translation. Log it unless it is a ParrotError."""
    return error if isinstance(error, ParrotError) else internal_error(attempt.exchange, error)


def _log(attempt: Attempt, transform: str, error: Exception) -> None:
    # Without the exception's message, which may quote the provider's text or a secret.
    attempt.exchange.runtime.log.error(
        "transform_failed",
        request_id=attempt.exchange.id,
        target=attempt.step.target.id,
        transform=transform,
        error=type(error).__name__,
        traceback="".join(format_tb(error.__traceback__)),
    )
