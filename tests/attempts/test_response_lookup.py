"""Which account is found to hold a response that is not known here. Whole requests are in tests/test_stored_responses.py."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.attempts.response_ids import find_unknown
from proxy.attempts.response_lookup import MAX_ACCOUNTS, TIMEOUT_S, find_holder
from proxy.errors import ConnectError, UpstreamError
from proxy.exchange import Exchange, Identity
from proxy.routing.decision import Decision, PlannedTarget
from proxy.routing.facts import Facts
from proxy.state.responses import Continuation, Holder
from tests.fakes import FakeTransport
from tests.fakes import exchange as make_exchange
from tests.files import load_snapshot

FILE = """
providers:
  a: {dialect: openai, base_url: "https://a/v1", api_key: k-a, path: /chat}
  b: {dialect: openai, base_url: "https://b/v1", api_key: [k-1, k-2, k-3, k-4, k-5, k-6, k-7, k-8]}
models: {m: {a: x, b: y}}
"""
SNAPSHOT = load_snapshot(FILE)
TARGETS = SNAPSHOT.targets("m")
FOUND: Any = (200, {}, [b"{}"])


def asking(rows: list[Any], caller: str | None = None) -> Exchange:
    one = make_exchange(transport=FakeTransport(rows), snap=SNAPSHOT)
    one.identity, one.facts = Identity(caller), Facts(endpoint="responses")
    one.decision = Decision(plan=tuple(PlannedTarget(each, 0.0) for each in TARGETS))
    one.continuation = Continuation(unknown="resp_1")
    return one


def transport(one: Exchange) -> Any:
    return one.runtime.transport


async def test_one_account_after_the_other_is_asked_by_a_get() -> None:
    one = asking([404, 404, FOUND])
    found = await find_holder(one, "/responses/resp%2F1", TARGETS)
    assert found is not None and found[:2] == ("b", "global")
    assert [each.url for each in transport(one).sent] == ["https://a/v1/responses/resp%2F1"] + [
        "https://b/v1/responses/resp%2F1"
    ] * 2
    assert {each.method for each in transport(one).sent} == {"GET"}
    assert {each.headers["authorization"] for each in transport(one).sent} == {
        f"Bearer {key}" for key in ("k-a", "k-1", "k-2")
    }
    assert {timeout for _, timeout in transport(one).timeouts} == {TIMEOUT_S}


async def test_no_more_than_a_few_accounts_are_asked() -> None:
    one = asking([404] * 20)
    assert await find_holder(one, "/responses/resp_1", TARGETS) is None
    assert len(transport(one).sent) == MAX_ACCOUNTS


async def test_an_account_that_cannot_be_asked_may_hold_it() -> None:
    with pytest.raises(ConnectError, match="no"):
        await find_holder(asking([404, ConnectError("no"), *[404] * 6]), "/responses/resp_1", TARGETS)
    with pytest.raises(UpstreamError):
        await find_holder(asking([(500, {}), *[404] * 7]), "/responses/resp_1", TARGETS)
    assert await find_holder(asking([ConnectError("no"), FOUND]), "/responses/resp_1", TARGETS) is not None


async def test_the_wait_is_the_providers_time() -> None:
    one = asking([FOUND])
    await find_holder(one, "/responses/resp_1", TARGETS)
    assert one.upstream_waits == 0


@pytest.mark.parametrize("caller, is_kept", [(None, True), ("key", False)])
async def test_whose_it_is_is_kept_only_where_all_callers_are_one(caller: str | None, is_kept: bool) -> None:
    one = asking([FOUND], caller)
    await find_unknown(one)
    assert one.continuation is not None and one.continuation.holder == Holder("a", "global")
    assert [step.target.provider.name for step in one.decision.plan] == ["a"]
    assert (one.runtime.responses.get("resp_1", caller, 0.0) is not None) == is_kept
