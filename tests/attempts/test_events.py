"""The events of an attempt are one union, which the reducer covers."""

from __future__ import annotations

from typing import get_args

import pytest
from msgspec import Struct

from proxy.attempts import events, outcomes
from proxy.attempts.events import AttemptEvent
from tests.attempts.fixtures import BREAKER, planned

KINDS = [
    each for each in vars(events).values() if isinstance(each, type) and issubclass(each, Struct) and each is not Struct
]


def test_the_union_has_every_event():
    assert set(get_args(AttemptEvent)) == set(KINDS) and len(KINDS) == 5


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_changes_the_attempt_and_is_immutable(kind):
    attempt = planned().start_first()
    event = kind(events.UpstreamError("no")) if kind is events.Failed else kind()
    before = (attempt.outcome, attempt.first_content_at)
    outcomes.apply(attempt, event, BREAKER)
    assert (attempt.outcome, attempt.first_content_at) != before
    with pytest.raises(AttributeError):
        event.outcome = "other"
