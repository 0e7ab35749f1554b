"""Splits bytes at arbitrary places, to test parsers with every chunking of their input."""

from __future__ import annotations

from itertools import pairwise


def split_at(data: bytes, places: list[int]) -> list[bytes]:
    """Split `data` at these places, taken modulo its length + 1."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]
