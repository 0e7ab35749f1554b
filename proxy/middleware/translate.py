"""Translates each attempt's request into its target's format. The response is translated as it arrives."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Literal

from proxy.attempts.remote_files import fetch_files, unfetched_urls
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

    fetch_images: bool = False
    """Whether the sidecar fetches images and PDFs that are given by an `http:` or `https:` address and whose target cannot.
    Only from public addresses, up to 8 per request and 32 MiB together, each within 10 seconds."""

    def before(self, attempt: Attempt) -> Awaitable[None] | None:
        """Set the provider request. Raises InvalidRequestError for what the target's format cannot express.

        Returns what to wait for if files have to be fetched first.
        """
        if self.fetch_images and (urls := unfetched_urls(attempt)):
            return self._fetch(attempt, urls)
        attempt.provider_request = provider_request(attempt)
        attempt.exchange.forget_members()
        return None

    async def _fetch(self, attempt: Attempt, urls: list[str]) -> None:
        await fetch_files(attempt, urls)
        self.before(attempt)
