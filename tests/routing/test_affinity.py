"""A session is remembered for an hour after its last request, and not for ever."""

from __future__ import annotations

from proxy.routing import affinity
from proxy.routing.affinity import MAX_SESSIONS, SESSION_TTL_S, Affinity


def test_a_session_stays_where_it_was_served_last() -> None:
    kept = Affinity()
    assert kept.get((None, "s"), 0.0) is None
    kept.put((None, "s"), "a", 0.0)
    kept.put((None, "s"), "b", 1.0)
    assert kept.get((None, "s"), 2.0) == "b"


def test_sessions_of_two_keys_are_two_sessions() -> None:
    kept = Affinity()
    kept.put(("app", "s"), "a", 0.0)
    assert (kept.get(("app", "s"), 1.0), kept.get(("other", "s"), 1.0), kept.get((None, "s"), 1.0)) == ("a", None, None)


def test_a_session_is_forgotten_an_hour_after_its_last_request() -> None:
    kept = Affinity()
    kept.put((None, "s"), "a", 0.0)
    kept.put((None, "s"), "a", 100.0)
    assert kept.get((None, "s"), SESSION_TTL_S + 99) == "a"
    assert kept.get((None, "s"), SESSION_TTL_S + 100) is None


def test_the_least_used_is_forgotten_first() -> None:
    kept = Affinity()
    for number in range(MAX_SESSIONS):
        kept.put((None, str(number)), "a", 0.0)
    kept.put((None, "0"), "b", 1.0)
    kept.put((None, "one more"), "a", 1.0)
    assert (kept.get((None, "0"), 2.0), kept.get((None, "1"), 2.0), kept.get((None, "2"), 2.0)) == ("b", None, "a")
    assert len(kept._entries) == affinity.MAX_SESSIONS
