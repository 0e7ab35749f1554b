"""Named targets are kept for good; of the others only so many."""

from __future__ import annotations

from itertools import count

from proxy.telemetry.target_map import TargetMap


def numbered(room: int, *named: str) -> TargetMap[int]:
    numbers = count(1)
    return TargetMap(lambda: next(numbers), room, frozenset(named))


def test_the_longest_unused_goes_first() -> None:
    kept = numbered(2)
    for target in ("a", "b", "a", "c"):
        kept.get_or_create(target)
    assert list(kept) == ["a", "c"]
    assert (kept.get("a"), kept.get("b")) == (1, None)


def test_looking_is_no_use() -> None:
    kept = numbered(2)
    kept.get_or_create("a"), kept.get_or_create("b")
    kept.get("a")
    kept.get_or_create("c")
    assert kept.get("a") is None


def test_the_named_take_no_room() -> None:
    kept = numbered(1, "x", "y")
    for target in ("x", "y", "a", "b"):
        kept.get_or_create(target)
    assert sorted(kept) == ["b", "x", "y"]
    assert len(kept) == 3


def test_who_is_named_stays_with_what_was_known_and_who_no_longer_is_may_go() -> None:
    kept = numbered(2, "x", "y")
    for target in ("x", "y", "a"):
        kept.get_or_create(target)
    kept.pin(frozenset({"a"}))
    assert (kept.get_or_create("a"), kept.get("x")) == (3, 1)
    kept.get_or_create("b")
    assert (kept.get("a"), len(kept)) == (3, 3)


def test_a_reload_that_names_fewer_makes_room_at_once() -> None:
    kept = numbered(1, "x", "y", "z")
    for target in ("x", "y", "z"):
        kept.get_or_create(target)
    kept.pin(frozenset())
    assert list(kept) == ["z"]


def test_whoever_has_to_go_is_told_of() -> None:
    gone: list[str] = []
    kept: TargetMap[list[int]] = TargetMap(
        list, max_unpinned=1, pinned=frozenset({"t"}), on_evict=lambda target, _: gone.append(target)
    )
    for target in ("t", "a", "b"):
        kept.get_or_create(target)
    assert gone == ["a"]
    kept.pin(frozenset())
    assert gone == ["a", "b"]
