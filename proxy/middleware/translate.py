"""Translates each attempt's request into its target's format. The response is translated as it arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proxy.attempts.translation import provider_request
from proxy.exchange import Attempt


@dataclass(frozen=True, slots=True)
class Translate:
    """Runs once per attempt."""

    unsupported_params: Literal["drop", "error"] = "drop"
    """`drop`: a parameter that the target cannot express is dropped with a warning. `error`: the target is excluded."""
    hosted_tools: Literal["drop", "exclude"] = "drop"
    """Of an offered tool that a provider runs itself. `drop`: it is dropped with a warning if no eligible target has it.
    `exclude`: targets without it are excluded."""

    def before(self, attempt: Attempt) -> None:
        """Set the provider request. Raises InvalidRequestError for what the target's format cannot express."""
        attempt.provider_request = provider_request(attempt)
        attempt.exchange.forget_members()
