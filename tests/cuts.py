"""Bytes in pieces, wherever one likes."""

from __future__ import annotations

from itertools import pairwise


def split_at(data: bytes, places: list[int]) -> list[bytes]:
    """`data` in pieces that end at these places, counted modulo its length."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]
