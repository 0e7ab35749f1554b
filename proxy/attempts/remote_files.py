"""Which images and files of an attempt's request the sidecar fetches, as its target cannot, and their data in the request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from proxy.attempts.hub_request import hub_request
from proxy.config.snapshot import Target
from proxy.dialects import DIALECTS
from proxy.dialects.hub.content import unsupported_feature
from proxy.dialects.hub.media import FILE, FILE_URL
from proxy.dialects.hub.remote_files import RemoteFile, remote_files, with_inlined
from proxy.exchange import Attempt
from proxy.file_fetches import FileFetches
from proxy.routing.client_request import HUB

IMAGE_URLS = "image_urls"
"""What a deployment lacks that fetches no images."""


def unfetched_urls(attempt: Attempt) -> list[str]:
    """Return the addresses of files that the target cannot fetch and the sidecar has not fetched yet."""
    exchange = attempt.exchange
    facts = exchange.facts
    if attempt.endpoint != HUB or not ("images" in facts.needs or FILE_URL in facts.media.kinds):
        return []
    body = hub_request(exchange).body if attempt.is_translated else exchange.body
    found = (each.url for each in remote_files(body.get("messages")) if _is_fetched_for(attempt.step.target, each))
    known = exchange.file_fetches
    return [url for url in dict.fromkeys(found) if known is None or known.must_wait(url)]


async def fetch_files(attempt: Attempt, urls: list[str]) -> None:
    """Wait until the files at these addresses are fetched for the request, or cannot be. It counts as a wait for others."""
    exchange = attempt.exchange
    if exchange.file_fetches is None:
        exchange.file_fetches = FileFetches(exchange.runtime.fetch_file, exchange.memory)
    exchange.begin_upstream_wait(exchange.runtime.clock())
    try:
        await exchange.file_fetches.wait(urls)
    finally:
        exchange.end_upstream_wait(exchange.runtime.clock())


def fetched_messages(attempt: Attempt, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return `messages` with the data of files that the target cannot fetch, as a change of the request.

    {} if nothing changes. Raises InvalidRequestError for a file that was not fetched.
    """
    messages = body.get("messages")
    if attempt.endpoint != HUB or not isinstance(messages, list):
        return {}
    inlined = with_inlined(messages, partial(_data_url, attempt))
    return {} if list(map(id, inlined)) == list(map(id, messages)) else {"messages": inlined}


def _data_url(attempt: Attempt, found: RemoteFile) -> str | None:
    if not _is_fetched_for(attempt.step.target, found):
        return None
    fetches = attempt.exchange.file_fetches
    if fetches is None:
        raise unsupported_feature(found.where, "this provider fetches nothing: send the data")
    return fetches.data_url(found)


def _is_fetched_for(target: Target, found: RemoteFile) -> bool:
    dialect = DIALECTS[target.provider.dialect]
    if found.is_image:
        return IMAGE_URLS in target.unsupported or not dialect.takes_url(found.url)
    takes_it = FILE_URL in dialect.media and dialect.takes_url(found.url)
    return FILE in dialect.media and not takes_it
