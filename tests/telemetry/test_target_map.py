"""Pinned targets are kept, of the others only the most recently used."""

from __future__ import annotations

from itertools import count

from proxy.telemetry.target_map import TargetMap


def numbered(max_unpinned: int, *pinned: str) -> TargetMap[int]:
    numbers = count(1)
    return TargetMap(lambda: next(numbers), max_unpinned, frozenset(pinned))


def test_the_least_recently_used_is_evicted() -> None:
    targets = numbered(2)
    for target in ("a", "b", "a", "c"):
        targets.get_or_create(target)
    assert list(targets) == ["a", "c"]
    assert (targets.get("a"), targets.get("b")) == (1, None)


def test_get_does_not_mark_a_target_as_used() -> None:
    targets = numbered(2)
    targets.get_or_create("a"), targets.get_or_create("b")
    targets.get("a")
    targets.get_or_create("c")
    assert targets.get("a") is None


def test_pinned_targets_do_not_count_towards_the_limit() -> None:
    targets = numbered(1, "x", "y")
    for target in ("x", "y", "a", "b"):
        targets.get_or_create(target)
    assert sorted(targets) == ["b", "x", "y"]
    assert len(targets) == 3


def test_pinning_keeps_the_value_and_unpinned_targets_become_evictable() -> None:
    targets = numbered(2, "x", "y")
    for target in ("x", "y", "a"):
        targets.get_or_create(target)
    targets.pin(frozenset({"a"}))
    assert (targets.get_or_create("a"), targets.get("x")) == (3, 1)
    targets.get_or_create("b")
    assert (targets.get("a"), len(targets)) == (3, 3)


def test_pinning_fewer_targets_evicts_at_once() -> None:
    targets = numbered(1, "x", "y", "z")
    for target in ("x", "y", "z"):
        targets.get_or_create(target)
    targets.pin(frozenset())
    assert list(targets) == ["z"]


def test_evictions_are_reported() -> None:
    evicted: list[str] = []
    targets: TargetMap[list[int]] = TargetMap(
        list, max_unpinned=1, pinned=frozenset({"t"}), on_evict=lambda target, _: evicted.append(target)
    )
    for target in ("t", "a", "b"):
        targets.get_or_create(target)
    assert evicted == ["a"]
    targets.pin(frozenset())
    assert evicted == ["a", "b"]


def test_taken_targets_are_created_anew_pinned_or_not() -> None:
    targets = numbered(9, "x", "y")
    for target in ("x", "y", "a", "b"):
        targets.get_or_create(target)
    assert targets.take(lambda target: target in "xa") == {"x": 1, "a": 3}
    assert sorted(targets) == ["b", "y"]
    assert (targets.get_or_create("x"), targets.get_or_create("a")) == (5, 6)
