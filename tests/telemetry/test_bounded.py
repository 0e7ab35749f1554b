"""Named targets are kept for good; of the others only so many."""

from __future__ import annotations

from itertools import count

from proxy.telemetry.bounded import Bounded


def numbered(room: int, *named: str) -> Bounded[int]:
    numbers = count(1)
    return Bounded(lambda: next(numbers), room, frozenset(named))


def test_the_longest_unused_goes_first() -> None:
    kept = numbered(2)
    for target in ("a", "b", "a", "c"):
        kept.use(target)
    assert list(kept) == ["a", "c"]
    assert (kept.get("a"), kept.get("b")) == (1, None)


def test_looking_is_no_use() -> None:
    kept = numbered(2)
    kept.use("a"), kept.use("b")
    kept.get("a")
    kept.use("c")
    assert kept.get("a") is None


def test_the_named_take_no_room() -> None:
    kept = numbered(1, "x", "y")
    for target in ("x", "y", "a", "b"):
        kept.use(target)
    assert sorted(kept) == ["b", "x", "y"]
    assert len(kept) == 3


def test_who_is_named_stays_with_what_was_known_and_who_no_longer_is_may_go() -> None:
    kept = numbered(2, "x", "y")
    for target in ("x", "y", "a"):
        kept.use(target)
    kept.name(frozenset({"a"}))
    assert (kept.use("a"), kept.get("x")) == (3, 1)
    kept.use("b")
    assert (kept.get("a"), len(kept)) == (3, 3)


def test_a_reload_that_names_fewer_makes_room_at_once() -> None:
    kept = numbered(1, "x", "y", "z")
    for target in ("x", "y", "z"):
        kept.use(target)
    kept.name(frozenset())
    assert list(kept) == ["z"]


def test_whoever_has_to_go_is_told_of() -> None:
    gone: list[str] = []
    kept: Bounded[list[int]] = Bounded(
        list, room=1, named=frozenset({"t"}), forgotten=lambda target, _: gone.append(target)
    )
    for target in ("t", "a", "b"):
        kept.use(target)
    assert gone == ["a"]
    kept.name(frozenset())
    assert gone == ["a", "b"]
