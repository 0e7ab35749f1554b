"""Makes an input larger in one place, to see whether the time grows with its size alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from proxy.sse import data_of, split_frames
from tests.fuzz.mutations import is_document, nodes, parsed, written
from tests.line_count import lines

Shape = Callable[[int], bytes]
SIZES = (20, 40, 80)
MAX_RATIO = 2.6
"""Of the lines for the second half to those for the first: 2 is linear, 4 quadratic."""
SLACK_LINES = 400
_NUMBERED = re.compile(
    rb'("(?:id|name|tool_call_id|call_id|tool_use_id|item_id)": ?"[^"\\]*)|("(?:index|output_index)": ?)\d+'
)


def numbered(data: bytes, number: int) -> bytes:
    """Return a copy whose ids, names and indexes are its own."""
    digits = b"%d" % number
    return _NUMBERED.sub(lambda match: (match[1] or match[2]) + digits, data)


def grown(data: bytes, random: Random) -> Shape | None:
    """Return the input by its size: one item, text or event is repeated as often. None if nothing in it can be."""
    renumber = numbered if random.random() < 0.5 else lambda data, number: data
    if is_document(data):
        return _grown_document(parsed(data), random, renumber)
    frames = split_frames(data)
    if not frames:
        return None
    at = random.randrange(len(frames))
    document = parsed(data_of(frames[at]) or b"")
    if random.random() < 0.5 and (inner := _grown_document(document, random, renumber)):
        return lambda n: b"".join([*frames[:at], b"data: ", inner(n), b"\n\n", *frames[at + 1 :]])
    return lambda n: b"".join([*frames[:at], *(renumber(frames[at], number) for number in range(n)), *frames[at + 1 :]])


def _grown_document(value: Any, random: Random, renumber: Callable[[bytes, int], bytes]) -> Shape | None:
    if not isinstance(value, (dict, list)) or not (found := nodes(value)):
        return None
    container, key = random.choice(found)
    inner, mark = written(container[key]), "@many@"

    def copies(n: int) -> list[bytes]:
        return [renumber(inner, number) for number in range(n)]

    if isinstance(container, list):
        container[key] = mark
        fill: Shape = lambda n: b", ".join(copies(n))  # noqa: E731
    elif isinstance(container[key], str):
        container[key], text = mark, inner[1:-1]
        fill = lambda n: b'"' + text * n + b'"'  # noqa: E731
    else:
        container[key] = {mark: None}
        fill = lambda n: b", ".join(b'"a%d": %s' % pair for pair in enumerate(copies(n)))  # noqa: E731
    template = written(value)
    whole = b'"@many@": null' if b'"@many@": null' in template else b'"@many@"'
    return lambda n: template.replace(whole, fill(n))


def grows_too_fast(shape: Shape, run: Callable[[bytes], object]) -> bool:
    """Return whether the time for twice the size is more than about twice as long."""
    run(shape(SIZES[0]))  # fills the caches
    small, middle, large = (lines(partial(run, shape(size))) for size in SIZES)
    return large - middle > MAX_RATIO * max(0, middle - small) + SLACK_LINES
