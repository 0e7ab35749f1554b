"""A session is remembered for an hour after its last request, and the number of sessions is bounded."""

from __future__ import annotations

from proxy.routing.affinity import MAX_SESSIONS, SESSION_TTL_S, Affinity


def test_a_session_stays_where_it_was_served_last() -> None:
    affinity = Affinity()
    assert affinity.get((None, "s"), 0.0) is None
    affinity.put((None, "s"), "a", 0.0)
    affinity.put((None, "s"), "b", 1.0)
    assert affinity.get((None, "s"), 2.0) == "b"


def test_the_same_id_with_two_api_keys_is_two_sessions() -> None:
    affinity = Affinity()
    affinity.put(("app", "s"), "a", 0.0)
    assert (affinity.get(("app", "s"), 1.0), affinity.get(("other", "s"), 1.0), affinity.get((None, "s"), 1.0)) == (
        "a",
        None,
        None,
    )


def test_a_session_is_forgotten_an_hour_after_its_last_request() -> None:
    affinity = Affinity()
    affinity.put((None, "s"), "a", 0.0)
    affinity.put((None, "s"), "a", 100.0)
    assert affinity.get((None, "s"), SESSION_TTL_S + 99) == "a"
    assert affinity.get((None, "s"), SESSION_TTL_S + 100) is None


def test_the_least_recently_used_session_is_forgotten_first() -> None:
    affinity = Affinity()
    for number in range(MAX_SESSIONS):
        affinity.put((None, str(number)), "a", 0.0)
    affinity.put((None, "0"), "b", 1.0)
    affinity.put((None, "one more"), "a", 1.0)
    assert (affinity.get((None, "0"), 2.0), affinity.get((None, "1"), 2.0), affinity.get((None, "2"), 2.0)) == (
        "b",
        None,
        "a",
    )
    assert len(affinity._entries) == MAX_SESSIONS
