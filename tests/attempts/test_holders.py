"""What refers to something is left to the account that holds it."""

from __future__ import annotations

import pytest

from proxy.attempts.holders import holder_of, keep, leave_holder
from proxy.errors import NoEligibleProviderError
from proxy.state.responses import Holder, KeptResponse
from tests.fakes import exchange_with_attempt, planned_exchange


def test_the_account_of_an_attempt_is_kept_by_an_id() -> None:
    one = exchange_with_attempt()
    assert one.winning_attempt is not None
    holder = holder_of(one.winning_attempt)
    keep(one, "file-1", KeptResponse(None, holder))
    known = one.runtime.responses.get("file-1", None, one.runtime.clock())
    assert holder == Holder("a", "us") and known is not None and known.holder == holder


def test_all_others_are_excluded_with_the_reason() -> None:
    one = planned_exchange()
    leave_holder(one, Holder("b", "us"), "resource_held_elsewhere", "id")
    assert [step.target.provider.name for step in one.decision.plan] == ["b"]
    assert {each.provider: each.reason for each in one.decision.excluded} == dict.fromkeys(
        "ac", "resource_held_elsewhere"
    )
    with pytest.raises(NoEligibleProviderError, match="the resource is held by 'z', which may not serve") as caught:
        leave_holder(one, Holder("z", "us"), "resource_held_elsewhere", "id")
    assert caught.value.param == "id"
