"""An attempt gets the data of images and files that its target cannot fetch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest
from msgspec import structs

from proxy.attempts.remote_files import fetch_files, fetched_messages, unfetched_urls
from proxy.errors import InvalidRequestError
from proxy.exchange import Attempt
from proxy.routing.facts import parse_facts
from tests.fakes import planned_exchange, start_attempt
from tests.web_server import PNG

HTTP, HTTPS, GIF = "http://x.y/a.png", "https://x.y/a.png", "https://x.y/a.gif"


def attempt_at(dialect: str, *urls: str, unsupported: frozenset[str] = frozenset()) -> Attempt:
    content = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    planned = planned_exchange("b")
    planned.raw = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": content}]})
    planned.facts = parse_facts("chat", planned.body)
    planned.runtime = replace(planned.runtime, fetch_file=fetch)
    (step,) = planned.decision.plan
    provider = replace(step.target.provider, dialect=dialect)
    target = replace(step.target, provider=provider, unsupported=unsupported)
    planned.decision = structs.replace(planned.decision, plan=(structs.replace(step, target=target),))
    return start_attempt(planned)


async def fetch(url: str, count: Callable[[int], None]) -> bytes:
    return PNG


@pytest.mark.parametrize("dialect, fetched", [
    ("openai", []), ("meta", []), ("anthropic", [HTTP]), ("mistral", [HTTP]), ("cohere", [HTTP]), ("google", [HTTP, GIF]),
])  # fmt: skip
def test_what_the_target_fetches_itself_is_left_to_it(dialect: str, fetched: list[str]) -> None:
    assert unfetched_urls(attempt_at(dialect, HTTP, HTTPS, GIF, HTTP)) == fetched


def test_a_deployment_may_fetch_nothing() -> None:
    attempt = attempt_at("openai", HTTPS, unsupported=frozenset({"image_urls"}))
    assert unfetched_urls(attempt) == [HTTPS]
    with pytest.raises(InvalidRequestError, match="fetches nothing") as caught:
        fetched_messages(attempt, attempt.exchange.body)
    assert caught.value.param == "messages[0].content[0].image_url.url" and caught.value.code == "unsupported_feature"


def test_a_request_without_addresses_is_not_looked_through() -> None:
    attempt = attempt_at("google")
    attempt.exchange.raw = b"not even parsed"
    assert unfetched_urls(attempt) == []


async def test_the_data_takes_the_place_of_the_address_and_the_wait_is_not_the_sidecars() -> None:
    attempt = attempt_at("anthropic", HTTP, HTTPS)
    await fetch_files(attempt, unfetched_urls(attempt))
    assert unfetched_urls(attempt) == [] and attempt.exchange.upstream_waits == 0
    (message,) = fetched_messages(attempt, attempt.exchange.body)["messages"]
    inlined, left = (part["image_url"]["url"] for part in message["content"])
    assert inlined.startswith("data:image/png;base64,") and left == HTTPS
